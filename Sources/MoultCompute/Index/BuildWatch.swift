internal import MoultModel
internal import Synchronization

/// Asks a long build's caller, from any thread, whether to go on.
final class BuildWatch: Sendable {
  private let stopped = Atomic<Bool>(false)
  private let isCancelled: @Sendable () -> Bool
  private let what: String

  /// - Parameter what: is built, for messages.
  init(_ what: String, isCancelled: @escaping @Sendable () -> Bool) {
    self.what = what
    self.isCancelled = isCancelled
  }

  /// Whether the work is no longer wanted; once it is so, it stays so.
  func isStopped() -> Bool {
    if stopped.load(ordering: .relaxed) { return true }
    guard isCancelled() else { return false }
    stopped.store(true, ordering: .relaxed)
    return true
  }

  /// - Throws: `cancelled` when any thread has been told to stop.
  func check() throws(MoultError) {
    if stopped.load(ordering: .relaxed) {
      throw MoultError(.cancelled, "the build of \(what) was cancelled")
    }
  }
}
