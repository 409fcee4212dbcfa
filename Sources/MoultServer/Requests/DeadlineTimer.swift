internal import MoultModel
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Cancels requests whose time has run out, all with one alarm.
///
/// A timer for each would wake a thread twice a request, which costs more than many a search: requests last
/// microseconds, and their deadlines are minutes away. Here the alarm is set anew only for a request that has to end
/// before all others.
final class DeadlineTimer: Sendable {
  private struct State {
    var requests: [UInt64: (instant: ContinuousClock.Instant, cancel: @Sendable () -> Void)] = [:]
    var lastNumber: UInt64 = 0
    /// When the next alarm goes off; `nil` when none is set.
    var alarm: ContinuousClock.Instant?
  }

  static let shared = DeadlineTimer()

  private let state = Mutex(State())

  /// - Parameter cancel: called once the time has run out, unless the request was removed before; on any thread, with
  ///   no lock held.
  /// - Returns: the number to remove the request by.
  func add(_ deadline: Deadline, cancel: @escaping @Sendable () -> Void) -> UInt64 {
    let (number, isFirst) = state.withLock { state in
      state.lastNumber += 1
      state.requests[state.lastNumber] = (deadline.instant, cancel)
      let isFirst = state.alarm.map { deadline.instant < $0 } ?? true
      if isFirst { state.alarm = deadline.instant }
      return (state.lastNumber, isFirst)
    }
    if isFirst { setAlarm(deadline.instant) }
    return number
  }

  func remove(_ number: UInt64) { state.withLock { $0.requests[number] = nil } }

  /// How many requests are waited for.
  var count: Int { state.withLock { $0.requests.count } }

  private func setAlarm(_ instant: ContinuousClock.Instant) {
    let left = max(0, (instant - .now) / .nanoseconds(1))
    MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(Int64(left))) { self.ring() }
  }

  private func ring() {
    let now = ContinuousClock.now
    let (due, next) = state.withLock { state in
      let due = state.requests.filter { $0.value.instant <= now }
      for number in due.keys { state.requests[number] = nil }
      // An alarm that was overtaken by an earlier one finds nothing to do, and leaves that one's successor alone.
      let next = state.requests.values.map(\.instant).min()
      let isSet = state.alarm.map { $0 > now && $0 <= next ?? $0 } ?? false
      guard !isSet else { return (due, ContinuousClock.Instant?.none) }
      state.alarm = next
      return (due, next)
    }
    for request in due.values { request.cancel() }
    if let next { setAlarm(next) }
  }
}
