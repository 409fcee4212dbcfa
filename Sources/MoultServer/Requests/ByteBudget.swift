internal import Synchronization

/// Bytes that may be held at the same time, by whoever took them.
final class ByteBudget: Sendable {
  private let limit: Int
  private let taken = Atomic(0)

  init(limit: Int) { self.limit = limit }

  /// - Returns: `false` when there are not so many left; nothing is taken then.
  func take(_ count: Int) -> Bool {
    let (old, _) = taken.add(count, ordering: .relaxed)
    if old + count <= limit { return true }
    giveBack(count)
    return false
  }

  func giveBack(_ count: Int) { taken.subtract(count, ordering: .relaxed) }

  var bytesTaken: Int { taken.load(ordering: .relaxed) }
}
