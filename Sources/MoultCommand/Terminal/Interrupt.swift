internal import Dispatch
internal import Foundation
internal import Synchronization

/// Ctrl-C as an event instead of the end of the process.
enum Interrupt {
  private static let racing = Atomic<Bool>(false)

  /// Whether Ctrl-C is being listened to.
  static var isRacing: Bool { racing.load(ordering: .acquiring) }

  /// Runs `body`; when Ctrl-C comes first, cancels it and returns `nil`.
  ///
  /// Not to be nested: the end of a race gives the signal its default back.
  static func race<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    let (interrupts, continuation) = AsyncStream.makeStream(of: Void.self)
    let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler { continuation.yield() }
    // From here on Ctrl-C no longer ends the process.
    await withCheckedContinuation { registration in
      source.setRegistrationHandler { registration.resume() }
      source.activate()
    }
    racing.store(true, ordering: .releasing)
    defer {
      racing.store(false, ordering: .releasing)
      source.cancel()
      signal(SIGINT, SIG_DFL)
    }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        for await _ in interrupts { return nil }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}
