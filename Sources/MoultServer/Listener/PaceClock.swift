internal import NIOCore

/// Watches that what was begun moves on: bytes are counted, and whoever is behind ``Pace`` is told of.
///
/// Belongs to one event loop. Beginning and ending are cheap: at most one timer is set in the time of a patience.
final class PaceClock {
  private let pace: Pace
  private let eventLoop: any EventLoop
  private let onLate: () -> Void
  private var begunAt: NIODeadline?
  private var byteCount = 0
  private var timer: Scheduled<Void>?

  init(_ pace: Pace, on eventLoop: any EventLoop, onLate: @escaping () -> Void) {
    self.pace = pace
    self.eventLoop = eventLoop
    self.onLate = onLate
  }

  var isRunning: Bool { begunAt != nil }

  /// From now on something is expected.
  func begin() {
    begunAt = eventLoop.now
    byteCount = 0
    if timer == nil { check(in: pace.patience) }
  }

  func add(_ count: Int) { byteCount += count }

  func end() { begunAt = nil }

  /// Ends for good: without it a timer holds the clock.
  func cancel() {
    end()
    timer?.cancel()
    timer = nil
  }

  private func check(in time: TimeAmount) {
    let clock = NIOLoopBound(self, eventLoop: eventLoop)
    timer = eventLoop.scheduleTask(in: time) { clock.value.check() }
  }

  private func check() {
    timer = nil
    guard let begunAt else { return }
    let left = pace.allowance(byteCount) - (eventLoop.now - begunAt)
    if left > .nanoseconds(0) {
      check(in: left)
    } else {
      end()
      onLate()
    }
  }
}
