/// Floats that never change once made, at a fixed 64-byte aligned address: matrices, centres, sign vectors.
final class FloatBuffer: @unchecked Sendable {
  let count: Int
  let pointer: UnsafePointer<Float>
  private let storage: UnsafeMutableRawPointer

  /// - Parameter fill: receives the buffer zeroed.
  init(count: Int, fill: (UnsafeMutablePointer<Float>) -> Void) {
    self.count = count
    storage = .allocate(byteCount: max(4, count * 4), alignment: 64)
    let floats = storage.bindMemory(to: Float.self, capacity: count)
    floats.initialize(repeating: 0, count: count)
    fill(floats)
    pointer = UnsafePointer(floats)
  }

  convenience init(_ values: [Float]) {
    self.init(count: values.count) { floats in
      values.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        floats.update(from: base, count: values.count)
      }
    }
  }

  deinit {
    storage.deallocate()
  }

  var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}
