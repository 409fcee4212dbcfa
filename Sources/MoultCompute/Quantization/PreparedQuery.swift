/// A query in the form in which an encoder scores codes with it: transformed, normalized under cosine, and
/// for the integer codes quantized. Made once per query; immutable.
public final class PreparedQuery: @unchecked Sendable {
  /// The float form: code dimension entries (the padded dimension, rotated, for binary codes).
  let floats: UnsafePointer<Float>
  let floatCount: Int
  /// The integer form: two int8 limbs, or bit planes. 64-byte aligned.
  let bytes: UnsafePointer<UInt8>
  let byteCount: Int
  /// Bit planes of a query for binary codes.
  let planeCount: Int
  /// What the integers mean; see the quantizer that made this.
  let constants: (Float, Float, Float, Float)

  private let storage: UnsafeMutableRawPointer

  /// - Parameter fill: fills the floats and bytes (zeroed before) and returns the constants.
  init(
    floatCount: Int, byteCount: Int = 0, planeCount: Int = 0,
    fill: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<UInt8>) -> (Float, Float, Float, Float)
  ) {
    let floatBytes = (floatCount * 4 + 63) / 64 * 64
    storage = .allocate(byteCount: max(64, floatBytes + byteCount), alignment: 64)
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: floatBytes + byteCount)
    let floats = storage.bindMemory(to: Float.self, capacity: floatCount)
    let bytes = (storage + floatBytes).bindMemory(to: UInt8.self, capacity: byteCount)
    constants = fill(floats, bytes)
    self.floats = UnsafePointer(floats)
    self.bytes = UnsafePointer(bytes)
    self.floatCount = floatCount
    self.byteCount = byteCount
    self.planeCount = planeCount
  }

  deinit {
    storage.deallocate()
  }
}
