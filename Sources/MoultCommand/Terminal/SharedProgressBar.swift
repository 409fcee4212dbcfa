internal import Synchronization

/// A progress bar that several tasks may draw.
final class SharedProgressBar: Sendable {
  private let bar = Mutex(ProgressBar())

  func show(phase: String, done: Int, total: Int) {
    bar.withLock { $0.show(phase: phase, done: Int64(done), total: Int64(total)) }
  }

  func clear() { bar.withLock { $0.clear() } }
}
