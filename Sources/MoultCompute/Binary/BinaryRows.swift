/// Vectors of bits in memory: dimension j is bit `j % 8` of byte `j / 8`. The memory belongs to whoever made it.
///
/// Which bit of a byte is which dimension plays no role for distances, only that all vectors have it alike; the
/// unused bits of the last byte are 0.
public struct BinaryRows: @unchecked Sendable {
  public var rows: UnsafeRawPointer
  /// Bytes from one row to the next.
  public var stride: Int
  /// Bytes of a row, 1 … 2²⁰: distances to 2²³ are exact as floats.
  public var rowBytes: Int
  public var count: Int

  public init(rows: UnsafeRawPointer, stride: Int, rowBytes: Int, count: Int) {
    precondition((1...1 << 20).contains(rowBytes) && stride >= rowBytes && count >= 0 && count <= UInt32.max)
    self.rows = rows
    self.stride = stride
    self.rowBytes = rowBytes
    self.count = count
  }
}
