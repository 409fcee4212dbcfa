public import MoultModel

/// The byte form, which is also that of Milvus' messages (`SparseFloatArray`): for each entry its index (u32) and
/// its value (f32), both little-endian; no header. *Changing this makes stored vectors unreadable.*
extension SparseVector {
  /// Bytes of an entry.
  public static let entryBytes = 8

  /// Reads bytes that nobody vouches for; memory is bounded by their number.
  ///
  /// - Throws: `invalidVector`.
  public init(bytes: UnsafeRawBufferPointer) throws(MoultError) {
    guard bytes.count.isMultiple(of: SparseVector.entryBytes) else {
      throw MoultError(
        .invalidVector,
        "sparse vector: expected entries of \(SparseVector.entryBytes) bytes, got \(bytes.count) bytes")
    }
    let count = bytes.count / SparseVector.entryBytes
    var indices: [UInt32] = []
    var values: [Float] = []
    indices.reserveCapacity(count)
    values.reserveCapacity(count)
    for entry in 0..<count {
      let offset = entry * SparseVector.entryBytes
      let (index, value) = (
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self),
        bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      )
      indices.append(UInt32(littleEndian: index))
      values.append(Float(bitPattern: UInt32(littleEndian: value)))
    }
    try self.init(indices: indices, values: values)
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter()
    for entry in indices.indices {
      writer.integer(indices[entry])
      writer.float(values[entry])
    }
    return writer.bytes
  }
}
