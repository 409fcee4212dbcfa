import MoultModel

extension SegmentHeader {
  enum Field: Int {
    case magic = 0
    case version = 8
    case kind = 12
    case flags = 16
    case reservedA = 20
    case collection = 24
    case generation = 32
    case segment = 40
    case firstRow = 48
    case rowCount = 56
    case rowCapacity = 64
    case rowStride = 72
    case sideStride = 80
    case sideOffset = 88
    case rowsOffset = 96
    case payloadLength = 104
    case payloadChecksum = 112
    case reservedB = 116
    case headerChecksum = 252
  }

  private static let sealedFlag: UInt32 = 1

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.sizeBytes)
    bytes.replaceSubrange(0..<8, with: Self.magic)
    func store(_ value: some FixedWidthInteger, _ field: Field) {
      withUnsafeBytes(of: value.littleEndian) { source in
        bytes.replaceSubrange(field.rawValue..<field.rawValue + source.count, with: source)
      }
    }
    store(Self.formatVersion, .version)
    store(kind.rawValue, .kind)
    store(isSealed ? Self.sealedFlag : 0, .flags)
    store(identity.collectionID, .collection)
    store(identity.generationID, .generation)
    store(identity.segmentID, .segment)
    store(identity.firstRow, .firstRow)
    store(Int64(rowCount), .rowCount)
    store(Int64(rowCapacity), .rowCapacity)
    store(Int64(rowStride), .rowStride)
    store(Int64(sideStride), .sideStride)
    store(Int64(Self.sideOffset), .sideOffset)
    store(Int64(rowsOffset), .rowsOffset)
    store(isSealed ? Int64(fileSize(rowCount: rowCount) - Self.sizeBytes) : 0, .payloadLength)
    store(payloadChecksum, .payloadChecksum)
    let checksum = bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[..<252])) }
    store(checksum, .headerChecksum)
    return bytes
  }

  /// Reads and checks the header of a file.
  ///
  /// The file's size is not looked at: a crash while sealing leaves one that `GrowingSegment` mends.
  ///
  /// - Throws: `corrupted` with path, offset, what was expected and what came; `unsupportedVersion` for a
  ///   newer format.
  package init(readingFrom file: OpenFile, fileSystem: any FileSystem) throws {
    var bytes = [UInt8](repeating: 0, count: Self.sizeBytes)
    let count = try bytes.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
    try self.init(decoding: bytes, byteCount: count, path: file.path)
  }

  /// - Parameter byteCount: how many of `bytes` could be read.
  init(decoding bytes: [UInt8], byteCount: Int, path: String) throws {
    let reader = FieldReader(bytes: bytes, path: path)
    guard byteCount == Self.sizeBytes else {
      throw reader.fault(.magic, "header", expected: "\(Self.sizeBytes) bytes", got: "\(byteCount)")
    }
    guard Array(bytes[..<8]) == Self.magic else {
      throw reader.fault(.magic, "magic", expected: "MOULTSEG", got: "\(Array(bytes[..<8]))")
    }
    let checksum = bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[..<252])) }
    try reader.require(.headerChecksum, "header checksum", is: checksum)
    let version: UInt32 = reader.load(.version)
    guard version <= Self.formatVersion else {
      throw MoultError(
        .unsupportedVersion,
        "\(path) has segment format \(version); this Moult reads up to \(Self.formatVersion): "
          + "use the newer version of Moult that wrote it")
    }
    try reader.require(.version, "format version", is: Self.formatVersion)

    let rawKind: UInt32 = reader.load(.kind)
    guard let kind = Kind(rawValue: rawKind) else {
      throw reader.fault(.kind, "kind", expected: "1 … 4", got: "\(rawKind)")
    }
    let flags: UInt32 = reader.load(.flags)
    guard flags <= Self.sealedFlag else {
      throw reader.fault(.flags, "flags", expected: "0 or 1", got: "\(flags)")
    }
    try reader.require(.reservedA, "reserved bytes", is: UInt32(0))
    guard bytes[Field.reservedB.rawValue..<Field.headerChecksum.rawValue].allSatisfy({ $0 == 0 }) else {
      throw reader.fault(.reservedB, "reserved bytes", expected: "zeros", got: "others")
    }

    let identity = SegmentIdentity(
      collectionID: Int64(try reader.count(.collection, "collection")),
      generationID: Int64(try reader.count(.generation, "generation")),
      segmentID: Int64(try reader.count(.segment, "segment")),
      firstRow: Int64(try reader.count(.firstRow, "first row")))
    let rowCount = try reader.count(.rowCount, "row count")
    let rowCapacity = try reader.count(.rowCapacity, "row capacity")
    let rowStride = try reader.count(.rowStride, "row stride")
    let sideStride = try reader.count(.sideStride, "side stride")
    guard rowCount <= rowCapacity else {
      throw reader.fault(.rowCount, "row count", expected: "at most \(rowCapacity)", got: "\(rowCount)")
    }
    guard
      let rowsOffset = Self.rowsOffset(
        rowCapacity: rowCapacity, rowStride: rowStride, sideStride: sideStride)
    else {
      throw reader.fault(
        .rowCapacity, "row capacity and strides", expected: "a size below 2⁶³ and a stride of at least 1",
        got: "\(rowCapacity) rows of \(rowStride) + \(sideStride) bytes")
    }
    try reader.require(.sideOffset, "side offset", is: Int64(Self.sideOffset))
    try reader.require(.rowsOffset, "rows offset", is: Int64(rowsOffset))

    self.init(
      kind: kind, identity: identity, rowCapacity: rowCapacity, rowStride: rowStride,
      sideStride: sideStride)
    if flags & Self.sealedFlag != 0 {
      let size = self.fileSize(rowCount: rowCount)
      try reader.require(.payloadLength, "payload length", is: Int64(size - Self.sizeBytes))
      self = sealed(rowCount: rowCount, payloadChecksum: reader.load(.payloadChecksum))
    } else {
      try reader.require(.rowCount, "row count of a growing segment", is: Int64(0))
      try reader.require(.payloadLength, "payload length of a growing segment", is: Int64(0))
      try reader.require(.payloadChecksum, "payload checksum of a growing segment", is: UInt32(0))
    }
  }

  /// - Throws: `corrupted` unless the file is sealed and has exactly the size that the header says.
  func requireSealed(fileSize: Int, path: String) throws {
    guard isSealed else {
      throw corruption(
        path, Field.flags.rawValue, "flags", expected: "a sealed segment", got: "a growing one")
    }
    let size = self.fileSize(rowCount: rowCount)
    guard fileSize == size else {
      throw corruption(path, min(size, fileSize), "file size", expected: "\(size) bytes", got: "\(fileSize)")
    }
  }

  /// - Throws: `corrupted` when the file, though sound in itself, is not the one that was looked for.
  func require(kind: Kind, identity: SegmentIdentity?, path: String) throws {
    func check<Value: Equatable>(_ field: Field, _ name: String, _ got: Value, _ expected: Value) throws {
      guard got != expected else { return }
      throw corruption(path, field.rawValue, name, expected: "\(expected)", got: "\(got)")
    }
    try check(.kind, "kind", self.kind, kind)
    guard let identity else { return }
    try check(.collection, "collection", self.identity.collectionID, identity.collectionID)
    try check(.generation, "generation", self.identity.generationID, identity.generationID)
    try check(.segment, "segment", self.identity.segmentID, identity.segmentID)
    try check(.firstRow, "first row", self.identity.firstRow, identity.firstRow)
  }
}

/// One wording for everything that is wrong in a file.
func corruption(_ path: String, _ offset: Int, _ what: String, expected: String, got: String) -> MoultError {
  MoultError(.corrupted, "\(path) is damaged at byte \(offset): \(what): expected \(expected), got \(got)")
}

private struct FieldReader {
  let bytes: [UInt8]
  let path: String

  func load<Value: FixedWidthInteger>(_ field: SegmentHeader.Field) -> Value {
    bytes.withUnsafeBytes { buffer in
      Value(littleEndian: buffer.loadUnaligned(fromByteOffset: field.rawValue, as: Value.self))
    }
  }

  /// A 64-bit number that must not be negative.
  func count(_ field: SegmentHeader.Field, _ name: String) throws -> Int {
    let value: Int64 = load(field)
    guard value >= 0 else { throw fault(field, name, expected: "at least 0", got: "\(value)") }
    return Int(value)
  }

  func require<Value: FixedWidthInteger>(
    _ field: SegmentHeader.Field, _ name: String, is expected: Value
  ) throws {
    let value: Value = load(field)
    guard value == expected else {
      throw fault(field, name, expected: "\(expected)", got: "\(value)")
    }
  }

  func fault(_ field: SegmentHeader.Field, _ name: String, expected: String, got: String) -> MoultError {
    corruption(path, field.rawValue, name, expected: expected, got: got)
  }
}
