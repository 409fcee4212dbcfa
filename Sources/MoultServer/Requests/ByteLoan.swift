internal import Synchronization

/// Bytes that one request has taken from a budget; they go back when it is forgotten.
final class ByteLoan: Sendable {
  private let budget: ByteBudget
  private let taken = Atomic(0)

  init(from budget: ByteBudget) { self.budget = budget }

  deinit { budget.giveBack(taken.load(ordering: .relaxed)) }

  func take(_ count: Int) -> Bool {
    guard budget.take(count) else { return false }
    taken.add(count, ordering: .relaxed)
    return true
  }
}
