internal import Synchronization

/// Sends each element to everyone who has subscribed by then.
final class Broadcast<Element: Sendable>: Sendable {
  private struct Subscribers {
    var next: UInt64 = 0
    var continuations: [UInt64: AsyncStream<Element>.Continuation] = [:]
  }

  private let subscribers = Mutex(Subscribers())

  /// Everything sent from now on, to one reader; `newest` elements wait for it, older ones are dropped.
  func subscribe(newest: Int) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingNewest(newest))
    let key = subscribers.withLock { subscribers in
      subscribers.next += 1
      subscribers.continuations[subscribers.next] = continuation
      return subscribers.next
    }
    continuation.onTermination = { [weak self] _ in
      self?.remove(key)
    }
    return stream
  }

  func send(_ element: Element) {
    // Outside the lock: a continuation may end its subscription while it is called.
    let continuations = subscribers.withLock { Array($0.continuations.values) }
    for continuation in continuations { continuation.yield(element) }
  }

  private func remove(_ key: UInt64) {
    // The continuation is released after the lock is given up, for the same reason.
    let removed = subscribers.withLock { $0.continuations.removeValue(forKey: key) }
    _ = removed
  }
}
