public import MoultModel

/// Entries of vectors that are narrower than float32.
///
/// Bytes are little-endian, one entry after the other. Widening is exact; narrowing rounds to nearest, ties to even.
public enum NarrowElement: String, Sendable, CaseIterable {
  /// IEEE binary16.
  case float16
  case bfloat16
  /// Whole numbers −128 … 127.
  case int8

  public var bytes: Int { self == .int8 ? 1 : 2 }

  /// Bytes that nobody vouches for as floats; memory is bounded by their number.
  ///
  /// - Throws: `invalidVector` for a rest of bytes and for entries that are not finite.
  public func floats(from source: UnsafeRawBufferPointer) throws(MoultError) -> [Float] {
    guard source.count.isMultiple(of: bytes) else {
      throw MoultError(
        .invalidVector, "\(rawValue) vector: expected entries of \(bytes) bytes, got \(source.count) bytes")
    }
    let count = source.count / bytes
    let floats = [Float](unsafeUninitializedCapacity: count) { floats, initialized in
      widen(source, count, floats)
      initialized = count
    }
    if let entry = floats.firstIndex(where: { !$0.isFinite }) {
      throw MoultError(
        .invalidVector, "\(rawValue) vector: entry \(entry) (\(floats[entry])) is not a finite number")
    }
    return floats
  }

  /// - Throws: `invalidVector` for entries that are not finite or too large, and as int8 for those that are not whole.
  public func bytes(from floats: [Float]) throws(MoultError) -> [UInt8] {
    let largest: Float =
      switch self {
      case .float16: 65_504
      // 3.3895e38; what is between it and float's largest number would be rounded to infinity.
      case .bfloat16: Float(bitPattern: 0x7F7F_0000)
      case .int8: 127
      }
    let least = self == .int8 ? -128 : -largest
    if let entry = floats.firstIndex(where: { !($0 >= least && $0 <= largest) }) {
      throw MoultError(
        .invalidVector,
        "\(rawValue) vector: entry \(entry): expected a number from \(least) to \(largest), got \(floats[entry])"
      )
    }
    if self == .int8, let entry = floats.firstIndex(where: { $0 != $0.rounded() }) {
      throw MoultError(
        .invalidVector, "int8 vector: entry \(entry): expected a whole number, got \(floats[entry])")
    }
    return [UInt8](unsafeUninitializedCapacity: floats.count * bytes) { target, initialized in
      floats.withUnsafeBufferPointer { narrow($0, UnsafeMutableRawBufferPointer(target)) }
      initialized = floats.count * bytes
    }
  }

  private func widen(
    _ source: UnsafeRawBufferPointer, _ count: Int, _ floats: UnsafeMutableBufferPointer<Float>
  ) {
    guard self != .int8 else {
      for i in 0..<count { floats[i] = Float(Int8(bitPattern: source[i])) }
      return
    }
    let kernel = self == .float16 ? KernelTable.best.widenHalf : KernelTable.best.widenBFloat
    // The bytes may stand anywhere, 16-bit numbers may not.
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: NarrowElement.chunk) { halves in
      for first in stride(from: 0, to: count, by: NarrowElement.chunk) {
        let length = min(NarrowElement.chunk, count - first)
        UnsafeMutableRawPointer(halves.baseAddress!).copyMemory(
          from: source.baseAddress! + 2 * first, byteCount: 2 * length)
        kernel(halves.baseAddress, floats.baseAddress! + first, length)
      }
    }
  }

  private func narrow(_ floats: UnsafeBufferPointer<Float>, _ target: UnsafeMutableRawBufferPointer) {
    guard self != .int8 else {
      for i in floats.indices { target[i] = UInt8(bitPattern: Int8(floats[i])) }
      return
    }
    let kernel = self == .float16 ? KernelTable.best.narrowToHalf : KernelTable.best.narrowToBFloat
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: NarrowElement.chunk) { halves in
      for first in stride(from: 0, to: floats.count, by: NarrowElement.chunk) {
        let length = min(NarrowElement.chunk, floats.count - first)
        kernel(floats.baseAddress! + first, halves.baseAddress, length)
        (target.baseAddress! + 2 * first).copyMemory(from: halves.baseAddress!, byteCount: 2 * length)
      }
    }
  }

  private static let chunk = 512
}
