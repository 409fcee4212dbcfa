import MoultModel
import Synchronization

/// Bounds how many searches and other reads of points are under way: those that are worked on and those that wait.
final class SearchAdmission: Sendable {
  /// Worked on and waiting together.
  private let limit: Int
  private let queuedMax: Int
  private let count = Atomic(0)
  private let refused = Atomic(0)

  /// - Parameters:
  ///   - atOnce: that are worked on at the same time.
  ///   - queuedMax: that may wait beside these.
  init(atOnce: Int, queuedMax: Int) {
    limit = atOnce + queuedMax
    self.queuedMax = queuedMax
  }

  /// Each call that succeeds wants one of ``leave()``.
  ///
  /// - Throws: `overloaded`.
  func enter() throws(MoultError) {
    guard count.add(1, ordering: .relaxed).newValue <= limit else {
      leave()
      refused.add(1, ordering: .relaxed)
      throw MoultError(
        .overloaded,
        "\(queuedMax) searches wait already, as many as the server was set up for; try again in a moment")
    }
  }

  func leave() { count.subtract(1, ordering: .relaxed) }

  var underWayCount: Int { count.load(ordering: .relaxed) }
  /// Since the start.
  var refusedCount: Int { refused.load(ordering: .relaxed) }
}
