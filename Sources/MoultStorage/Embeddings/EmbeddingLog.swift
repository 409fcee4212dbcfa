import MoultModel

/// A file of vectors that only grows at its end: what ``EmbeddingCache`` has been given, in the order of its coming.
///
/// It begins with 16 bytes: "MOULTVEC", the version (UInt32, 1) and zero. Frames follow, one for each call of ``append(_:at:)``;
/// all numbers are little-endian. A frame begins with a head:
///
/// | bytes of the head | content |
/// |---|---|
/// | 0 ..< 4 | entries |
/// | 4 ..< 8 | CRC-32 of bytes 8 ..< 56 |
/// | 8 ..< 16 | bytes of the entries |
/// | 16 ..< 24 | the job that has paid for them |
/// | 24 ..< 32, 32 ..< 40, 40 ..< 48 | texts, requests and tokens that it has paid for with them |
/// | 48 ..< 56 | seconds of its requests (float64) |
///
/// Each entry: its key (16 bytes), the vector's dimension (UInt32), CRC-32 of both and of the vector (UInt32), the vector
/// in float32.
///
/// Written by one thread at a time, read by any.
final class EmbeddingLog: Sendable {
  private static let magic: [UInt8] = Array("MOULTVEC".utf8) + [1, 0, 0, 0, 0, 0, 0, 0]
  private static let headBytes = 56
  private static let entryHeadBytes = 24

  /// Bytes before the first frame.
  static let start = magic.count

  struct Frame: Sendable {
    var job: Int64
    var spent: EmbeddingCache.Spent
    var entries: [(key: EmbeddingCache.Key, vector: [Float])]
  }

  /// Where an entry begins.
  struct Place: Sendable {
    var log: Int64
    var offset: Int
    var dimension: Int
  }

  let number: Int64
  let path: String
  private let fileSystem: any FileSystem
  private let file: OpenFile

  /// Opens a log, or makes it.
  ///
  /// - Parameter isKnown: whether anything of it was ever synced. A power loss can leave one that was begun and nothing more.
  /// - Throws: `corrupted` for a file of another kind.
  init(number: Int64, path: String, isKnown: Bool, fileSystem: any FileSystem) throws {
    let size = try fileSystem.size(atPath: path)
    let file = try fileSystem.open(path, size == nil ? .create : .readWrite)
    do {
      var found = [UInt8](repeating: 0, count: Self.start)
      let count = try found.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
      let isBegun = isKnown || found.contains { $0 != 0 } && count == found.count
      if isBegun {
        guard found == Self.magic else {
          throw MoultError(
            .corrupted,
            "\(path) holds no vectors of this version of Moult. It may be removed while the server is stopped: its texts are "
              + "embedded again")
        }
      } else {
        try fileSystem.resize(file, to: 0)
        try Self.magic.withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: 0) }
        try fileSystem.sync(file)
      }
    } catch {
      fileSystem.close(file)
      throw error
    }
    self.number = number
    self.path = path
    self.fileSystem = fileSystem
    self.file = file
  }

  deinit { fileSystem.close(file) }

  func size() throws -> Int { try fileSystem.size(of: file) }

  func sync() throws { try fileSystem.syncData(file) }

  // MARK: Writing

  /// A frame as it is written, and where in it its entries begin.
  struct Writing: Sendable {
    let frame: Frame
    fileprivate let bytes: [UInt8]
    fileprivate let starts: [Int]

    /// - Complexity: copies every vector, and goes over it for its checksum.
    init(_ frame: Frame) {
      let entryBytes = frame.entries.reduce(0) { $0 + EmbeddingLog.entryBytes(dimension: $1.vector.count) }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(headBytes + entryBytes)
      bytes.append(UInt32(frame.entries.count))
      bytes.append(UInt32(0))
      bytes.append(UInt64(entryBytes))
      bytes.append(frame.job)
      bytes.append(frame.spent.texts)
      bytes.append(frame.spent.requests)
      bytes.append(frame.spent.tokens)
      bytes.append(frame.spent.seconds.bitPattern)
      bytes.setChecksum(at: 4, of: bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[8...])) })
      var starts: [Int] = []
      for (key, vector) in frame.entries {
        let start = bytes.count
        starts.append(start)
        bytes.append(key.high)
        bytes.append(key.low)
        bytes.append(UInt32(vector.count))
        bytes.append(UInt32(0))
        vector.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes.setChecksum(
          at: start + 20, of: bytes.withUnsafeBytes { checksum(ofEntry: .init(rebasing: $0[start...])) })
      }
      self.frame = frame
      self.bytes = bytes
      self.starts = starts
    }
  }

  /// Adds a frame behind `end`. A crash of the process does not lose it; a power loss may, before ``sync()``.
  ///
  /// - Returns: where its entries are, and its end.
  func append(_ writing: Writing, at end: Int) throws -> (places: [Place], end: Int) {
    try writing.bytes.withUnsafeBytes { try fileSystem.writeAll($0, to: file, at: end) }
    let places = zip(writing.frame.entries, writing.starts).map { entry, start in
      Place(log: number, offset: end + start, dimension: entry.vector.count)
    }
    return (places, end + writing.bytes.count)
  }

  private static func entryBytes(dimension: Int) -> Int {
    entryHeadBytes + dimension * MemoryLayout<Float>.stride
  }

  private static func checksum(ofEntry bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = SegmentChecksum()
    checksum.update(.init(rebasing: bytes[..<20]))
    checksum.update(.init(rebasing: bytes[entryHeadBytes...]))
    return checksum.value
  }

  // MARK: Reading

  /// - Throws: `corrupted` naming the place when another entry, or none, is there.
  func vector(of key: EmbeddingCache.Key, at place: Place) throws -> [Float] {
    let count = Self.entryBytes(dimension: place.dimension)
    return try withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { bytes in
      let got = try fileSystem.readAll(into: bytes, from: file, at: place.offset)
      let entry = UnsafeRawBufferPointer(bytes)
      guard got == count, Self.key(entry) == key, Self.isWhole(entry) else {
        throw MoultError(
          .corrupted,
          "\(path): the vector at byte \(place.offset) is not the one that was written. The file may be removed while the "
            + "server is stopped: its texts are embedded again")
      }
      return Self.vector(entry)
    }
  }

  /// Reads frames in their order, up to the first that is not whole, and cuts the file behind the last.
  ///
  /// - Returns: the end.
  func readFrames(from start: Int, _ body: (Frame, [Place]) throws -> Void) throws -> Int {
    let size = try size()
    var end = max(Self.start, start)
    while size - end >= Self.headBytes, let (frame, places, count) = try frame(at: end, size: size) {
      try body(frame, places)
      end += count
    }
    // Those that were begun when the process or the machine stopped.
    if end < size { try fileSystem.resize(file, to: end) }
    return end
  }

  private func frame(at start: Int, size: Int) throws -> (Frame, [Place], count: Int)? {
    let head = try read(Self.headBytes, at: start)
    let counts = head.withUnsafeBytes { head -> (entries: Int, bytes: Int)? in
      guard head.count == Self.headBytes,
        SegmentChecksum.of(.init(rebasing: head[8...])) == head.number(at: 4, UInt32.self),
        let bytes = Int(exactly: head.number(at: 8, UInt64.self)), bytes <= size - start - Self.headBytes
      else { return nil }
      return (Int(head.number(at: 0, UInt32.self)), bytes)
    }
    guard let counts else { return nil }
    let spent = head.withUnsafeBytes {
      EmbeddingCache.Spent(
        texts: $0.number(at: 24, Int64.self), requests: $0.number(at: 32, Int64.self),
        tokens: $0.number(at: 40, Int64.self), seconds: Double(bitPattern: $0.number(at: 48, UInt64.self)))
    }
    var frame = Frame(job: head.withUnsafeBytes { $0.number(at: 16, Int64.self) }, spent: spent, entries: [])
    var places: [Place] = []
    let bytes = try read(counts.bytes, at: start + Self.headBytes)
    let isWhole = bytes.withUnsafeBytes { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      for _ in 0..<counts.entries {
        guard rest.count >= Self.entryHeadBytes else { return false }
        let dimension = Int(rest.number(at: 16, UInt32.self))
        let count = Self.entryBytes(dimension: dimension)
        guard rest.count >= count else { return false }
        let entry = UnsafeRawBufferPointer(rebasing: rest[..<count])
        guard Self.isWhole(entry) else { return false }
        let offset = start + Self.headBytes + bytes.count - rest.count
        frame.entries.append((Self.key(entry), Self.vector(entry)))
        places.append(Place(log: number, offset: offset, dimension: dimension))
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return rest.isEmpty
    }
    return isWhole ? (frame, places, Self.headBytes + counts.bytes) : nil
  }

  private func read(_ count: Int, at place: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
      initialized = try fileSystem.readAll(into: .init(bytes), from: file, at: place)
    }
  }

  // MARK: Entries

  private static func isWhole(_ entry: UnsafeRawBufferPointer) -> Bool {
    entryBytes(dimension: Int(entry.number(at: 16, UInt32.self))) == entry.count
      && checksum(ofEntry: entry) == entry.number(at: 20, UInt32.self)
  }

  private static func key(_ entry: UnsafeRawBufferPointer) -> EmbeddingCache.Key {
    EmbeddingCache.Key(high: entry.number(at: 0, UInt64.self), low: entry.number(at: 8, UInt64.self))
  }

  private static func vector(_ entry: UnsafeRawBufferPointer) -> [Float] {
    let dimension = (entry.count - entryHeadBytes) / MemoryLayout<Float>.stride
    return [Float](unsafeUninitializedCapacity: dimension) { floats, initialized in
      UnsafeMutableRawBufferPointer(floats).copyMemory(from: .init(rebasing: entry[entryHeadBytes...]))
      initialized = dimension
    }
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func setChecksum(at place: Int, of checksum: UInt32) {
    withUnsafeMutableBytes { $0.storeBytes(of: checksum.littleEndian, toByteOffset: place, as: UInt32.self) }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func number<Number: FixedWidthInteger & BitwiseCopyable>(at place: Int, _ type: Number.Type)
    -> Number
  {
    Number(littleEndian: loadUnaligned(fromByteOffset: place, as: Number.self))
  }
}
