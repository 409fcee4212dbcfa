internal import Foundation
internal import Synchronization

/// Milvus' timestamps: milliseconds since 1970 in the upper 46 bits, a counter in the lower 18. Each is greater than
/// those before it.
final class HybridClock: Sendable {
  private static let counterBits: UInt64 = 18
  private let last = Mutex<UInt64>(0)

  static func timestamp(milliseconds: Int64, counter: UInt64) -> UInt64 {
    UInt64(max(0, milliseconds)) << counterBits | counter & (1 << counterBits - 1)
  }

  func next() -> UInt64 {
    let now = Self.timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000), counter: 0)
    return last.withLock { last in
      last = max(last + 1, now)
      return last
    }
  }
}
