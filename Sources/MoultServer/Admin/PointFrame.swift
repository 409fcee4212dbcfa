package import MoultModel
package import NIOCore

/// Points in binary, for import and export: `application/vnd.moult.points`.
///
/// All numbers are little-endian:
///
/// | bytes | content |
/// | --- | --- |
/// | 4 | magic `MPF1` |
/// | 4 | u32: points, `n` |
/// | 4 | u32: dimension, `d` |
/// | 1 | elements of vectors: 0 no vectors, 1 float32, 2 float16 |
/// | 1 | keys: 0 none (the server gives them out), 1 int64, 2 string, 3 both |
/// | 1 | payloads: 0 none, 1 one a point |
/// | 1 | 0 |
/// | … | keys: `n` × i64, or `n` × (u32 length, UTF-8); of both kinds as texts, of which one that reads as an i64 is one |
/// | … | vectors: `n × d` elements, row-major |
/// | … | payloads: `n` × (u32 length, UTF-8 of a JSON object); length 0 is a point without payload |
///
/// Changing this breaks clients of other versions: a new form takes a new magic.
package struct PointFrame: Sendable, Equatable {
  package static let mediaType = "application/vnd.moult.points"
  package static let magic = "MPF1"
  package static let headerSizeBytes = 16

  /// Points in the frame.
  package var count: Int
  package var dimension: Int
  /// One a point, or empty when the server gives out the keys.
  package var ids: [PointID]
  /// The form of vectors in the frame; `nil` when it has none.
  package var elementType: CollectionSchema.ElementType?
  /// `count × dimension`, row-major; empty without vectors.
  package var vectors: [Float]
  /// JSON objects as text, one a point, "" for a point without; or empty when the frame has none.
  package var payloads: [String]

  /// - Precondition: lengths fit each other; where there are integers among the ids no string reads as one.
  package init(
    count: Int, dimension: Int, ids: [PointID] = [], elementType: CollectionSchema.ElementType? = .float32,
    vectors: [Float] = [], payloads: [String] = []
  ) {
    precondition(ids.isEmpty || ids.count == count, "one id a point")
    precondition(vectors.count == (elementType == nil ? 0 : count * dimension), "one row a point")
    precondition(payloads.isEmpty || payloads.count == count, "one payload a point")
    self.count = count
    self.dimension = dimension
    self.ids = ids
    self.elementType = elementType
    self.vectors = vectors
    self.payloads = payloads
  }
}

extension PointFrame {
  /// A batch to be written, as float32 or, when all its values are float16 anyway, in half the bytes.
  package init(_ batch: PointBatch, elementType: CollectionSchema.ElementType = .float32) {
    self.init(
      count: batch.count, dimension: batch.dimension, ids: batch.ids, elementType: elementType,
      vectors: batch.vectors, payloads: batch.payloads)
  }

  /// What an engine takes.
  ///
  /// - Parameter hasPlaceholder: whether it is for a collection without a first vector field.
  /// - Throws: `invalidArgument` when the frame has no vectors, and there is a field for them.
  package func batch(hasPlaceholder: Bool = false) throws(MoultError) -> PointBatch {
    if hasPlaceholder, elementType == nil {
      return PointBatch(
        ids: ids, vectors: PlaceholderField.vectors(count: count), dimension: PlaceholderField.dimension,
        payloads: payloads)
    }
    guard elementType != nil else {
      throw MoultError(
        .invalidArgument, "the frame has no vectors (elements 0); expected float32 (1) or float16 (2)")
    }
    return PointBatch(ids: ids, vectors: vectors, dimension: dimension, payloads: payloads)
  }

  /// Stored points as they are read back, vectors as float32 where all have one of this dimension.
  package init(_ points: [Point], dimension: Int) {
    // Of a field that was dropped while the page was read there are none.
    let hasVectors = !points.isEmpty && points.allSatisfy { $0.vector?.count == dimension }
    var vectors: [Float] = []
    if hasVectors {
      vectors.reserveCapacity(points.count * dimension)
      for point in points { vectors.append(contentsOf: point.vector ?? []) }
    }
    let hasPayloads = points.contains { $0.payload != nil }
    self.init(
      count: points.count, dimension: dimension, ids: points.map(\.id),
      elementType: hasVectors ? .float32 : nil, vectors: vectors,
      payloads: hasPayloads ? points.map { TextVector.plain($0.payload ?? "") } : [])
  }

  /// The points one by one; keys must be there.
  package var points: [Point] {
    precondition(ids.count == count, "points without keys")
    return (0..<count).map { row in
      Point(
        id: ids[row],
        vector: elementType == nil ? nil : Array(vectors[row * dimension..<(row + 1) * dimension]),
        payload: payloads.isEmpty || payloads[row].isEmpty ? nil : payloads[row])
    }
  }
}

extension PointFrame {
  private enum KeyForm: UInt8 {
    case none = 0
    case int64 = 1
    case string = 2
    case mixed = 3
  }

  private static func code(of elementType: CollectionSchema.ElementType?) -> UInt8 {
    switch elementType {
    case nil: 0
    case .float32: 1
    case .float16: 2
    }
  }

  /// - Precondition: texts are shorter than 4 GiB.
  package func encode() -> ByteBuffer {
    var buffer = ByteBuffer()
    let elementSize = elementType == .float16 ? 2 : 4
    let textBytes = payloads.reduce(0) { $0 + 4 + $1.utf8.count }
    buffer.reserveCapacity(Self.headerSizeBytes + count * 8 + vectors.count * elementSize + textBytes)

    let keyForm = keyForm
    buffer.writeString(Self.magic)
    buffer.writeInteger(UInt32(count), endianness: .little)
    buffer.writeInteger(UInt32(dimension), endianness: .little)
    buffer.writeInteger(Self.code(of: elementType))
    buffer.writeInteger(keyForm.rawValue)
    buffer.writeInteger(UInt8(payloads.isEmpty ? 0 : 1))
    buffer.writeInteger(UInt8(0))

    for id in ids {
      switch (id, keyForm) {
      case (.int64(let value), .int64): buffer.writeInteger(value, endianness: .little)
      case (let id, _): buffer.writeText(id.description)
      }
    }
    switch elementType {
    case nil: break
    case .float32: buffer.writeElements(vectors.map { $0.bitPattern.littleEndian })
    case .float16: buffer.writeElements(vectors.map { Half.narrowed($0).littleEndian })
    }
    for payload in payloads { buffer.writeText(payload) }
    return buffer
  }

  private var keyForm: KeyForm {
    let integers = ids.count { if case .int64 = $0 { true } else { false } }
    if ids.isEmpty { return .none }
    return integers == ids.count ? .int64 : integers == 0 ? .string : .mixed
  }

  /// Decodes a whole frame. The bytes may come from anyone: nothing is allocated that they do not hold.
  ///
  /// - Throws: `invalidArgument` naming the field, what was expected and what came.
  package init(decoding bytes: ByteBuffer) throws(MoultError) {
    var reader = PointFrameReader(bytes)
    let magic = try reader.bytes(4, "magic")
    guard magic == Array(Self.magic.utf8) else {
      throw reader.failure("magic", "expected '\(Self.magic)', got bytes \(magic)")
    }
    count = Int(try reader.integer("count", UInt32.self))
    dimension = Int(try reader.integer("dimension", UInt32.self))
    let elements = try reader.integer("elements", UInt8.self)
    let keys = try reader.integer("keys", UInt8.self)
    let hasPayloads = try reader.integer("payloads", UInt8.self)
    let reserved = try reader.integer("reserved", UInt8.self)

    switch elements {
    case 0: elementType = nil
    case 1: elementType = .float32
    case 2: elementType = .float16
    default:
      throw reader.failure("elements", "expected 0 (none), 1 (float32) or 2 (float16), got \(elements)")
    }
    guard let keyForm = KeyForm(rawValue: keys) else {
      throw reader.failure("keys", "expected 0 (none), 1 (int64), 2 (string) or 3 (both), got \(keys)")
    }
    guard hasPayloads <= 1 else { throw reader.failure("payloads", "expected 0 or 1, got \(hasPayloads)") }
    guard reserved == 0 else { throw reader.failure("reserved", "expected 0, got \(reserved)") }
    if elementType != nil && !CollectionSchema.dimensionRange.contains(dimension) {
      throw reader.failure(
        "dimension", "expected 1 … \(CollectionSchema.dimensionRange.upperBound), got \(dimension)")
    }

    switch keyForm {
    case .none: ids = []
    case .int64: ids = try reader.elements(count, "keys", Int64.self) { .int64($0) }
    case .string: ids = try reader.texts(count, "keys").map { .string($0) }
    case .mixed: ids = try reader.texts(count, "keys").map { .mixed($0) }
    }
    switch elementType {
    case nil: vectors = []
    case .float32:
      vectors = try reader.elements(count, times: dimension, "vectors", UInt32.self) { Float(bitPattern: $0) }
    case .float16:
      vectors = try reader.elements(count, times: dimension, "vectors", UInt16.self) { Half.widened($0) }
    }
    payloads = hasPayloads == 1 ? try reader.texts(count, "payloads") : []
    try reader.finish()
    if keyForm == .none && elementType == nil && payloads.isEmpty && count > 0 {
      throw reader.failure("count", "\(count) points, but neither keys nor vectors nor payloads")
    }
  }
}

extension ByteBuffer {
  fileprivate mutating func writeText(_ text: String) {
    writeInteger(UInt32(text.utf8.count), endianness: .little)
    writeString(text)
  }

  /// - Parameter values: in little-endian order already.
  fileprivate mutating func writeElements<Element: FixedWidthInteger>(_ values: [Element]) {
    values.withUnsafeBytes { _ = writeBytes($0) }
  }
}

/// Reads a frame field by field and never past its end.
private struct PointFrameReader {
  private var buffer: ByteBuffer
  private let sizeBytes: Int

  init(_ bytes: ByteBuffer) {
    buffer = bytes
    sizeBytes = bytes.readableBytes
  }

  func failure(_ field: String, _ fault: String) -> MoultError {
    MoultError(
      .invalidArgument, "point frame, field '\(field)' (byte \(sizeBytes - buffer.readableBytes)): \(fault)")
  }

  private func tooShort(_ field: String, _ needed: some BinaryInteger) -> MoultError {
    failure(field, "expected \(needed) more bytes, got \(buffer.readableBytes)")
  }

  mutating func bytes(_ count: Int, _ field: String) throws(MoultError) -> [UInt8] {
    guard let bytes = buffer.readBytes(length: count) else { throw tooShort(field, count) }
    return bytes
  }

  mutating func integer<Value: FixedWidthInteger>(
    _ field: String, _ type: Value.Type
  ) throws(MoultError) -> Value {
    guard let value = buffer.readInteger(endianness: .little, as: type) else {
      throw tooShort(field, MemoryLayout<Value>.size)
    }
    return value
  }

  /// What `value` makes of `rows × columns` integers.
  @inline(__always)
  mutating func elements<Element: FixedWidthInteger, Value>(
    _ rows: Int, times columns: Int = 1, _ field: String, _ type: Element.Type, _ value: (Element) -> Value
  ) throws(MoultError) -> [Value] {
    // Both factors are below 2³², so the count fits 64 bits unsigned; its bytes may not.
    let count = UInt64(rows) * UInt64(columns)
    let (needed, overflow) = count.multipliedReportingOverflow(by: UInt64(MemoryLayout<Element>.size))
    guard !overflow else {
      throw failure(field, "\(rows) × \(columns) elements are more than any frame holds")
    }
    guard needed <= UInt64(buffer.readableBytes), let slice = buffer.readSlice(length: Int(needed)) else {
      throw tooShort(field, needed)
    }
    let elements = Int(count)
    return [Value](unsafeUninitializedCapacity: elements) { target, initialized in
      guard let target = target.baseAddress else { return }
      slice.withUnsafeReadableBytes { bytes in
        for index in 0..<elements {
          let offset = index * MemoryLayout<Element>.size
          let element = Element(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Element.self))
          (target + index).initialize(to: value(element))
        }
      }
      initialized = elements
    }
  }

  mutating func texts(_ count: Int, _ field: String) throws(MoultError) -> [String] {
    // Each text takes four bytes at least, so a false count cannot make us reserve much.
    guard UInt64(count) * 4 <= UInt64(buffer.readableBytes) else { throw tooShort(field, UInt64(count) * 4) }
    var texts: [String] = []
    texts.reserveCapacity(count)
    for row in 0..<count {
      let length = Int(try integer(field, UInt32.self))
      guard let slice = buffer.readSlice(length: length) else {
        throw failure(field, "text \(row) should have \(length) bytes, got \(buffer.readableBytes)")
      }
      guard let text = String(validating: slice.readableBytesView, as: UTF8.self) else {
        throw failure(field, "text \(row) is not valid UTF-8")
      }
      texts.append(text)
    }
    return texts
  }

  func finish() throws(MoultError) {
    guard buffer.readableBytes == 0 else {
      throw failure("end", "expected the end of the frame, got \(buffer.readableBytes) more bytes")
    }
  }
}
