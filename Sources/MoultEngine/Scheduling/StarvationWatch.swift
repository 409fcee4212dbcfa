import Foundation
import Glibc
import Synchronization

/// Tells whether threads that take only the time that is left over (`SCHED_IDLE`) get any.
///
/// Such threads are found starved when they have work and got less than a twentieth of a processor for half a second, and
/// well again when one of them was let do a little work in ten times its time. The kernel tells which threads wait for a
/// processor and what they had of it (`/proc/self/task/*/stat`); where it cannot be asked, they are never found starved.
final class StarvationWatch: Sendable {
  /// Between two looks at threads that are waited for.
  static let lookSeconds = 0.1
  /// Between a verdict and the trial of it.
  private static let trialSeconds = 2.0
  private static let trialWorkSeconds = 0.01
  private static let trialSecondsMax = 0.1

  private struct State {
    /// One file of the kernel for each thread.
    var threads: [String] = []
    /// When a thread is next to be tried; `nil` while one is.
    var trialDueAt: Double?
  }

  private let starved = Atomic(false)
  private let state = Mutex(State())
  private let clock: any PaceClock

  init(clock: any PaceClock = SystemPaceClock()) { self.clock = clock }

  var isStarved: Bool { starved.load(ordering: .relaxed) }

  /// Watches the calling thread from now on.
  func addThisThread() {
    var buffer = [CChar](repeating: 0, count: 64)
    let length = readlink("/proc/thread-self", &buffer, buffer.count - 1)
    guard length > 0 else { return }
    let task = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    state.withLock { $0.threads.append("/proc/\(task)/stat") }
  }

  /// Looks at the threads for somebody who waits for them.
  ///
  /// - Parameter judge: belongs to this wait.
  /// - Returns: whether they are starved.
  func look(_ judge: inout ShareJudge) -> Bool {
    if isStarved { return true }
    var processorSeconds = 0.0
    var isAnyRunnable = false
    for path in state.withLock({ $0.threads }) {
      guard let thread = ThreadTime(path) else { continue }
      processorSeconds += thread.processorSeconds
      isAnyRunnable = isAnyRunnable || thread.isRunnable
    }
    let now = clock.now
    guard judge.finds(starvedAt: now, processorSeconds: processorSeconds, isAnyRunnable: isAnyRunnable) else {
      return false
    }
    state.withLock { $0.trialDueAt = now + Self.trialSeconds }
    starved.store(true, ordering: .relaxed)
    return true
  }

  /// - Parameter submit: runs a body on one of the threads. It is called when they are to be tried again.
  func tryAgainIfDue(_ submit: (@escaping @Sendable () -> Void) -> Void) {
    let now = clock.now
    let isDue = state.withLock { state in
      guard let due = state.trialDueAt, due <= now else { return false }
      state.trialDueAt = nil
      return true
    }
    guard isDue else { return }
    submit { [self] in
      let end = Self.threadSeconds + Self.trialWorkSeconds
      while Self.threadSeconds < end {}
      let isWell = clock.now - now <= Self.trialSecondsMax
      if isWell { starved.store(false, ordering: .relaxed) }
      state.withLock { $0.trialDueAt = isWell ? nil : clock.now + Self.trialSeconds }
    }
  }

  private static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// Judges from a series of looks whether threads that have work get too little of the processors.
struct ShareJudge: Sendable {
  /// Shorter ones say little: a thread waits for its turn some milliseconds on a machine that is not saturated too.
  static let windowSeconds = 0.5
  /// Of one processor, for all the threads together.
  static let shareMin = 0.05

  private var start: (now: Double, processorSeconds: Double)?

  /// - Parameters:
  ///   - processorSeconds: what all threads had since they began.
  ///   - isAnyRunnable: whether one of them could run now, or runs; where not, they wait for something else.
  mutating func finds(starvedAt now: Double, processorSeconds: Double, isAnyRunnable: Bool) -> Bool {
    guard isAnyRunnable else {
      start = nil
      return false
    }
    guard let start else {
      self.start = (now, processorSeconds)
      return false
    }
    let seconds = now - start.now
    guard seconds >= Self.windowSeconds else { return false }
    self.start = (now, processorSeconds)
    return processorSeconds - start.processorSeconds < Self.shareMin * seconds
  }
}

/// How a thread fares, in the kernel's words: proc(5), `/proc/[pid]/stat`.
struct ThreadTime {
  private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
  /// Of the fields behind the name, which stands in parentheses and may have any characters.
  private static let userTicks = 11
  private static let systemTicks = 12

  /// Running or waiting for a processor.
  var isRunnable: Bool
  var processorSeconds: Double

  /// - Returns: `nil` when the file cannot be read, as for a thread that has ended.
  init?(_ path: String) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = read(file, &bytes, bytes.count)
    guard count > 0 else { return nil }
    self.init(text: bytes[..<count])
  }

  init?(text: ArraySlice<UInt8>) {
    guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: Self.systemTicks + 1)
    guard fields.count > Self.systemTicks,
      let user = Double(String(decoding: fields[Self.userTicks], as: UTF8.self)),
      let system = Double(String(decoding: fields[Self.systemTicks], as: UTF8.self))
    else { return nil }
    isRunnable = fields[0].elementsEqual([UInt8(ascii: "R")])
    processorSeconds = (user + system) / Self.ticksPerSecond
  }
}
