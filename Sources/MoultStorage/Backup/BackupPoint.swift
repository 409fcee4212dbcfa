import MoultModel

/// A row of a collection's table of points in a backup, living or dead.
///
/// An entry `points-N` is `count` as 32 bits and then so many rows, rising from entry to entry; little-endian:
///
/// | Bytes | Field |
/// |---|---|
/// | 8 | row |
/// | 8 | the batch in which it died; 0 while it lives |
/// | 8, or 4 and so many | key: a number, or the length of a text and its UTF-8, by the schema's kind of keys; where keys are of both kinds a text |
/// | 4 and so many | length of the payload and its UTF-8; 0xFFFFFFFF for none |
struct BackupPoint: Equatable {
  var row: Int64
  var died: Int64?
  var key: PointID
  var payload: String?

  /// Rows of one entry end when they take this many bytes; a single row may take more.
  static let chunkBytes = 1 << 20
  /// More is damage: a payload came in a request of at most 64 MiB, or what a server was told to accept.
  static let chunkBytesMax = 1 << 30
  private static let noPayload = UInt32.max

  static func encode(_ points: [BackupPoint], keyKind: CollectionSchema.KeyKind) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.store(UInt32(points.count))
    for point in points { point.append(to: &bytes, keyKind) }
    return bytes
  }

  private func append(to bytes: inout [UInt8], _ keyKind: CollectionSchema.KeyKind) {
    bytes.store(row)
    bytes.store(died ?? 0)
    switch key {
    case .int64(let number) where keyKind != .mixed: bytes.store(number)
    case let key: bytes.store(key.description)
    }
    if let payload { bytes.store(payload) } else { bytes.store(Self.noPayload) }
  }

  /// Bytes that it takes, or a few less.
  var encodedBytes: Int {
    let keyBytes =
      switch key {
      case .int64: 8
      case .string(let text): 4 + text.utf8.count
      }
    return 20 + keyBytes + (payload?.utf8.count ?? 0)
  }

  /// - Throws: `corrupted` naming the place in the entry.
  static func decode(_ bytes: [UInt8], keyKind: CollectionSchema.KeyKind) throws -> [BackupPoint] {
    var reader = ByteReader(bytes)
    let count: UInt32 = try reader.number()
    var points: [BackupPoint] = []
    // The smallest row takes 24 bytes, so that a wrong count cannot ask for much.
    points.reserveCapacity(min(Int(count), bytes.count / 24))
    for _ in 0..<count {
      let row: Int64 = try reader.number()
      let died: Int64 = try reader.number()
      guard row >= 0, died >= 0 else { throw reader.fault("a row of at least 0, and a batch likewise") }
      let key: PointID =
        switch keyKind {
        case .int64: .int64(try reader.number())
        case .string: .string(try reader.text(length: try reader.number()))
        case .mixed: .mixed(try reader.text(length: try reader.number()))
        }
      let length: UInt32 = try reader.number()
      var payload: String?
      if length != noPayload {
        let text = try reader.text(length: length)
        do { try JSONText.validateObject(text) } catch { throw reader.fault("a JSON object as payload") }
        payload = text
      }
      points.append(BackupPoint(row: row, died: died == 0 ? nil : died, key: key, payload: payload))
    }
    guard reader.isAtEnd else { throw reader.fault("its end") }
    return points
  }
}

extension [UInt8] {
  mutating func store(_ number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func store(_ text: String) {
    store(UInt32(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}

/// Reads numbers and texts from bytes that nobody vouches for.
struct ByteReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  func fault(_ expected: String) -> MoultError {
    MoultError(.corrupted, "expected \(expected) at its byte \(place)")
  }

  mutating func number<Number: FixedWidthInteger>() throws -> Number {
    let size = MemoryLayout<Number>.size
    guard bytes.count - place >= size else { throw fault("\(size) bytes more") }
    defer { place += size }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Number.self))
    }
  }

  /// - Throws: also for what is no UTF-8, and for a NUL, at which SQLite's text would end.
  mutating func text(length: UInt32) throws -> String {
    guard bytes.count - place >= Int(length) else { throw fault("\(length) bytes of text") }
    let part = bytes[place..<place + Int(length)]
    guard !part.contains(0), let text = String(validating: part, as: UTF8.self) else {
      throw fault("UTF-8 without a NUL")
    }
    place += Int(length)
    return text
  }
}
