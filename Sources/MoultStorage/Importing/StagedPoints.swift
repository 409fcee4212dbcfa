package import MoultModel

/// Points that wait in a file until all of them are stored at one moment.
///
/// The file begins with 16 bytes: "MOULTIMP", the version (UInt32, 1) and zero. Batches follow, each with a head of 40
/// bytes, then its keys, then its vectors; all numbers are little-endian:
///
/// | bytes of the head | content |
/// |---|---|
/// | 0 ..< 4 | points |
/// | 4 ..< 8 | dimension of the first vector field |
/// | 8 ..< 16 | bytes of the keys |
/// | 16 ..< 24 | bytes of the vectors |
/// | 24 ..< 28, 28 ..< 32 | CRC-32 of the keys and of the vectors |
/// | 32 ..< 36 | CRC-32 of bytes 0 ..< 32 |
/// | 36 ..< 40 | zero |
///
/// Keys: a byte that says whether there are any, each as a byte of its kind (0 with an Int64, 1 with a text); a byte that
/// says whether there are payloads, each a text. A text is its length (UInt32) and its UTF-8. Vectors: those of the first
/// field; the number of other fields (UInt32), each as its name, its dimension, how many points have none (UInt32) and
/// their places (UInt32 each), and its vectors.
///
/// Used by one thread at a time.
package final class StagedPoints: @unchecked Sendable {
  private static let magic: [UInt8] = Array("MOULTIMP".utf8) + [1, 0, 0, 0, 0, 0, 0, 0]
  private static let headBytes = 40

  private let path: String
  private let fileSystem: any FileSystem
  private let file: OpenFile
  /// Points in the file.
  package private(set) var rowCount: Int
  /// Of the file.
  package private(set) var byteCount: Int
  /// Of the payloads and keys in it: what a transaction that stores them has to take.
  package private(set) var keyBytes: Int

  /// Where a collection's points wait of the import of that number.
  package convenience init(
    of job: Int64, in directory: DataDirectory, rowCount: Int = 0, byteCount: Int = 0, keyBytes: Int = 0
  ) throws {
    try directory.fileSystem.makeDirectories(directory.absolutePath(FileNames.imports))
    try self.init(
      path: directory.absolutePath(FileNames.importFile(of: job)), fileSystem: directory.fileSystem,
      rowCount: rowCount, byteCount: byteCount, keyBytes: keyBytes)
  }

  /// Opens a file, or makes it.
  ///
  /// - Parameters:
  ///   - rowCount: points that were noted to be in it; it is empty where they are not.
  ///   - byteCount: that they take; what is behind them is cut off.
  package init(
    path: String, fileSystem: any FileSystem, rowCount: Int = 0, byteCount: Int = 0, keyBytes: Int = 0
  ) throws {
    let isThere = try fileSystem.size(atPath: path) != nil
    let file = try fileSystem.open(path, isThere ? .readWrite : .create)
    let isKept: Bool
    do {
      let size = try fileSystem.size(of: file)
      isKept = isThere && rowCount > 0 && byteCount >= Self.magic.count && size >= byteCount
      if isKept {
        try fileSystem.resize(file, to: byteCount)
        var found = [UInt8](repeating: 0, count: Self.magic.count)
        let count = try found.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
        guard count == found.count, found == Self.magic else {
          throw MoultError(.corrupted, "\(path) holds no staged points of this version of Moult")
        }
      } else {
        try Self.begin(file, fileSystem)
        try fileSystem.sync(file)
        try fileSystem.syncDirectory(parentDirectory(of: path))
      }
    } catch {
      fileSystem.close(file)
      throw error
    }
    self.path = path
    self.fileSystem = fileSystem
    self.file = file
    self.rowCount = isKept ? rowCount : 0
    self.byteCount = isKept ? byteCount : Self.magic.count
    self.keyBytes = isKept ? keyBytes : 0
  }

  /// Makes a file an empty one.
  private static func begin(_ file: OpenFile, _ fileSystem: any FileSystem) throws {
    try fileSystem.resize(file, to: 0)
    try magic.withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
  }

  deinit { fileSystem.close(file) }

  /// Removes the file; it may stay open. What cannot be removed now is removed at the next start.
  package static func remove(of job: Int64, in directory: DataDirectory) {
    try? directory.fileSystem.remove(directory.absolutePath(FileNames.importFile(of: job)))
  }

  /// Takes all points out.
  package func empty() throws {
    try Self.begin(file, fileSystem)
    rowCount = 0
    byteCount = Self.magic.count
    keyBytes = 0
  }

  /// Adds points, durable when this returns.
  ///
  /// - Parameter batch: checked, not empty, below 2³² points.
  package func append(_ batch: PointBatch) throws {
    var keys = ByteSink()
    keys.appendKeys(of: batch)
    var vectors = ByteSink()
    try vectors.appendVectors(of: batch)
    var head = ByteSink()
    head.append(UInt32(batch.count))
    head.append(UInt32(batch.dimension))
    head.append(UInt64(keys.bytes.count))
    head.append(UInt64(vectors.bytes.count))
    head.append(keys.checksum)
    head.append(vectors.checksum)
    head.append(head.checksum)
    head.append(UInt32(0))
    var end = byteCount
    for part in [head, keys, vectors] {
      try part.bytes.withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: end) }
      end += part.bytes.count
    }
    try fileSystem.syncData(file)
    rowCount += batch.count
    byteCount = end
    keyBytes += keys.bytes.count
  }

  /// Reads batches in their order, each without vectors.
  ///
  /// - Throws: `corrupted` naming the place.
  package func forEachKeys(
    _ body: (_ ids: [PointID], _ payloads: [String], _ count: Int) throws -> Void
  ) throws {
    try forEachHead { head, place in
      var source = ByteSource(
        bytes: try read(head.keyBytes, at: place, checksum: head.keyChecksum), fault: fault(at: place))
      let (ids, payloads) = try source.keys(count: head.count)
      try body(ids, payloads, head.count)
    }
  }

  /// Reads batches in their order, each with its vectors alone.
  ///
  /// - Throws: `corrupted` naming the place.
  package func forEachVectors(_ body: (PointBatch) throws -> Void) throws {
    try forEachHead { head, place in
      let start = place + head.keyBytes
      var source = ByteSource(
        bytes: try read(head.vectorBytes, at: start, checksum: head.vectorChecksum), fault: fault(at: start))
      try body(try source.vectors(count: head.count, dimension: head.dimension))
    }
  }

  // MARK: Parts

  private struct Head {
    var count: Int
    var dimension: Int
    var keyBytes: Int
    var vectorBytes: Int
    var keyChecksum: UInt32
    var vectorChecksum: UInt32
  }

  /// - Parameter body: gets the place behind the head.
  private func forEachHead(_ body: (Head, _ place: Int) throws -> Void) throws {
    var place = Self.magic.count
    while place < byteCount {
      let bytes = try read(Self.headBytes, at: place, checksum: nil)
      var source = ByteSource(bytes: bytes, fault: fault(at: place))
      let (count, dimension) = (try source.number(UInt32.self), try source.number(UInt32.self))
      let (keyBytes, vectorBytes) = (try source.number(UInt64.self), try source.number(UInt64.self))
      let (keyChecksum, vectorChecksum) = (try source.number(UInt32.self), try source.number(UInt32.self))
      let own = bytes[..<32].withUnsafeBytes { SegmentChecksum.of($0) }
      let rest = UInt64(byteCount - place - Self.headBytes)
      guard try source.number(UInt32.self) == own, count > 0, dimension > 0, keyBytes <= rest,
        vectorBytes <= rest - keyBytes
      else { throw fault(at: place) }
      let head = Head(
        count: Int(count), dimension: Int(dimension), keyBytes: Int(keyBytes), vectorBytes: Int(vectorBytes),
        keyChecksum: keyChecksum, vectorChecksum: vectorChecksum)
      place += Self.headBytes
      try body(head, place)
      place += head.keyBytes + head.vectorBytes
    }
  }

  private func read(_ count: Int, at place: Int, checksum: UInt32?) throws -> [UInt8] {
    guard count <= byteCount - place else { throw fault(at: place) }
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: place) }
    guard got == count else { throw fault(at: place) }
    if let checksum, bytes.withUnsafeBytes({ SegmentChecksum.of($0) }) != checksum { throw fault(at: place) }
    return bytes
  }

  private func fault(at place: Int) -> MoultError {
    MoultError(
      .corrupted,
      "\(path): the staged points at byte \(place) are not what was written; nothing of them is stored. Let the job run "
        + "again (`moult jobs retry`): it reads its files anew")
  }
}

/// Bytes that are written.
private struct ByteSink {
  var bytes: [UInt8] = []

  var checksum: UInt32 { bytes.withUnsafeBytes { SegmentChecksum.of($0) } }

  mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ text: String) {
    append(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func append(_ floats: [Float]) { floats.withUnsafeBytes { bytes.append(contentsOf: $0) } }

  mutating func appendKeys(of batch: PointBatch) {
    append(UInt8(batch.ids.isEmpty ? 0 : 1))
    for id in batch.ids {
      switch id {
      case .int64(let number):
        append(UInt8(0))
        append(number)
      case .string(let text):
        append(UInt8(1))
        append(text)
      }
    }
    append(UInt8(batch.payloads.isEmpty ? 0 : 1))
    for payload in batch.payloads { append(payload) }
  }

  mutating func appendVectors(of batch: PointBatch) throws {
    bytes.reserveCapacity(batch.vectors.count * MemoryLayout<Float>.stride + 4)
    append(batch.vectors)
    append(UInt32(batch.fields.count))
    for (name, field) in batch.fields.sorted(by: { $0.key < $1.key }) {
      append(name)
      append(UInt32(field.dimension))
      append(UInt32(field.absent.count))
      for place in field.absent { append(UInt32(place)) }
      append(field.vectors)
    }
  }
}

/// The same bytes, read within their bounds.
private struct ByteSource {
  let bytes: [UInt8]
  /// What is said of bytes that are not as they were written.
  let fault: MoultError
  private var place = 0

  init(bytes: [UInt8], fault: MoultError) {
    self.bytes = bytes
    self.fault = fault
  }

  private mutating func take(_ count: Int) throws -> Range<Int> {
    guard count >= 0, count <= bytes.count - place else { throw fault }
    defer { place += count }
    return place..<place + count
  }

  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
    let range = try take(MemoryLayout<Number>.size)
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
    }
  }

  mutating func text() throws -> String {
    let range = try take(Int(try number(UInt32.self)))
    return String(decoding: bytes[range], as: UTF8.self)
  }

  mutating func floats(_ count: Int, _ dimension: Int) throws -> [Float] {
    let (numbers, overflows) = count.multipliedReportingOverflow(by: dimension)
    guard !overflows, numbers <= bytes.count / MemoryLayout<Float>.stride else { throw fault }
    let range = try take(numbers * MemoryLayout<Float>.stride)
    return [Float](unsafeUninitializedCapacity: numbers) { floats, initialized in
      bytes[range].withUnsafeBytes { UnsafeMutableRawBufferPointer(floats).copyMemory(from: $0) }
      initialized = numbers
    }
  }

  private mutating func isThere() throws -> Bool { try number(UInt8.self) != 0 }

  mutating func keys(count: Int) throws -> (ids: [PointID], payloads: [String]) {
    var ids: [PointID] = []
    if try isThere() {
      for _ in 0..<count {
        ids.append(try number(UInt8.self) == 0 ? .int64(try number(Int64.self)) : .string(try text()))
      }
    }
    var payloads: [String] = []
    if try isThere() {
      for _ in 0..<count { payloads.append(try text()) }
    }
    return (ids, payloads)
  }

  mutating func vectors(count: Int, dimension: Int) throws -> PointBatch {
    var batch = PointBatch(ids: [], vectors: try floats(count, dimension), dimension: dimension)
    for _ in 0..<(try number(UInt32.self)) {
      let name = try text()
      let dimension = Int(try number(UInt32.self))
      let absentCount = Int(try number(UInt32.self))
      var absent: [Int] = []
      for _ in 0..<absentCount { absent.append(Int(try number(UInt32.self))) }
      batch.fields[name] = FieldVectors(
        vectors: try floats(count, dimension), dimension: dimension, absent: absent)
    }
    return batch
  }
}

extension DataDirectory {
  /// Removes the staged points of imports that have ended. For the start: no import may be at work.
  ///
  /// - Parameter unfinished: numbers of the imports that go on.
  package func removeStagedPoints(but unfinished: Set<Int64>) throws {
    let kept = Set(unfinished.map { FileNames.importFile(of: $0) })
    for name in try fileSystem.list(absolutePath(FileNames.imports)) {
      let relative = "\(FileNames.imports)/\(name)"
      if name.hasSuffix(FileNames.importSuffix), !kept.contains(relative) {
        try fileSystem.remove(absolutePath(relative))
      }
    }
  }
}
