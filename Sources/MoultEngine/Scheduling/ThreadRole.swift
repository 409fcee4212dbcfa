import Dispatch
import Glibc

/// What a thread of a pool that yields is there for; kept with the thread.
///
/// A thread that gives way to others must not wake those who wait for its result: whom it wakes may start a thread, which
/// would give way as it does for ever after, and answer searches. Its herald hands results on, and does what others wait
/// for.
final class ThreadRole: Sendable {
  /// Gives way to nobody.
  let herald: ComputePool
  /// Whether it leads jobs, and hands the rounds of their loops out; else it takes such rounds.
  let leads: Bool

  init(herald: ComputePool, leads: Bool) {
    self.herald = herald
    self.leads = leads
  }

  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  /// Of the calling thread; `nil` where it does not yield.
  static var current: ThreadRole? {
    key.flatMap { pthread_getspecific($0) }.map {
      Unmanaged<ThreadRole>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// Gives the calling thread this role. It must be held as long as the thread runs.
  func assume() {
    guard let key = Self.key else { return }
    pthread_setspecific(key, Unmanaged.passUnretained(self).toOpaque())
  }
}

/// Work that one thread does for another, which waits for it, once or more often.
final class Errand: @unchecked Sendable {  // handed over by the semaphore
  private var body: (() throws -> Void)?
  private var failure: (any Error)?
  private let isDone = DispatchSemaphore(value: 0)

  init(_ body: @escaping () throws -> Void) { self.body = body }

  func run() {
    perform()
    isDone.signal()
  }

  /// A function of its own, so that its reference to the closure is gone when it returns.
  @inline(never)
  private func perform() {
    do { try body!() } catch { failure = error }
    body = nil
  }

  func wait() throws {
    isDone.wait()
    isDone.signal()
    if let failure { throw failure }
  }
}
