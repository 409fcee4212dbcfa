/// A query in the form in which an encoder scores codes with it: transformed, normalized under cosine, and
/// for the integer codes quantized. Written by `VectorEncoder.prepare` only; its memory is used again when the
/// same object takes another query.
public final class PreparedQuery: @unchecked Sendable {
  /// The float form: code dimension entries (the padded dimension, rotated, for binary codes).
  private(set) var floats: UnsafePointer<Float>
  /// The integer form: two int8 limbs, or bit planes. 64-byte aligned.
  private(set) var bytes: UnsafePointer<UInt8>
  /// Bit planes of a query for binary codes.
  private(set) var planeCount = 0
  /// What the integers mean; see the quantizer that made this.
  private(set) var constants: (Float, Float, Float, Float) = (0, 0, 0, 0)

  private var storage: UnsafeMutableRawPointer
  private var storageBytes = 64
  /// Weights of a `LevelQuery` that was written here: memory for those of the next one.
  private var spareWeights: [Int8] = []

  /// A query that nothing is known of yet.
  init() {
    storage = .allocate(byteCount: storageBytes, alignment: 64)
    floats = UnsafePointer(storage.bindMemory(to: Float.self, capacity: 0))
    bytes = UnsafePointer(storage.bindMemory(to: UInt8.self, capacity: 0))
  }

  convenience init(
    floatCount: Int, byteCount: Int = 0, planeCount: Int = 0,
    fill: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<UInt8>) -> (Float, Float, Float, Float)
  ) {
    self.init()
    set(floatCount: floatCount, byteCount: byteCount, planeCount: planeCount, fill: fill)
  }

  deinit {
    storage.deallocate()
  }

  /// - Parameter fill: fills the floats and bytes (zeroed before) and returns the constants.
  func set(
    floatCount: Int, byteCount: Int = 0, planeCount: Int = 0,
    fill: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<UInt8>) -> (Float, Float, Float, Float)
  ) {
    let floatBytes = (floatCount * 4 + 63) / 64 * 64
    let needed = floatBytes + byteCount
    if needed > storageBytes {
      storage.deallocate()
      storage = .allocate(byteCount: needed, alignment: 64)
      storageBytes = needed
    }
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: needed)
    let floats = storage.bindMemory(to: Float.self, capacity: floatCount)
    let bytes = (storage + floatBytes).bindMemory(to: UInt8.self, capacity: byteCount)
    constants = fill(floats, bytes)
    self.floats = UnsafePointer(floats)
    self.bytes = UnsafePointer(bytes)
    self.planeCount = planeCount
  }

  /// Memory for the weights of the next `LevelQuery`; whoever takes it puts weights back.
  func takeSpareWeights() -> [Int8] {
    let weights = spareWeights
    spareWeights = []
    return weights
  }

  func keep(_ weights: [Int8]) { spareWeights = weights }
}
