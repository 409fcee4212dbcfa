import MoultModel
import Synchronization

/// Decides how many requests may be under way and when the next may be sent: half as many after a refusal for
/// overload, one more after as many answers as there are streams, never faster than the embedder's limits.
///
/// Times are seconds of any clock that only rises. A value: whoever sends keeps it.
struct EmbeddingPace: Sendable {
  private let streamsMax: Int
  private var requests: TokenBucket?
  private var tokens: TokenBucket?
  private(set) var streams: Int
  private var answersSinceChange = 0
  /// Nothing is sent before.
  private var openAt = -Double.infinity
  private var failuresInARow = 0
  private(set) var lastAnswerAt: Double

  /// Between attempts, doubled from failure to failure.
  static let waitSecondsMin = 0.25
  static let waitSecondsMax = 30.0
  /// What an endpoint may ask to wait at most; one that says a day is asked again sooner.
  static let retryAfterSecondsMax = 300.0

  init(_ embedder: Embedder, now: Double) {
    streamsMax = embedder.streams
    streams = embedder.streams
    lastAnswerAt = now
    requests = embedder.requestsPerMinute.map { TokenBucket(perMinute: $0, now: now) }
    tokens = embedder.tokensPerMinute.map { TokenBucket(perMinute: $0, now: now) }
  }

  /// A pass begins: what was answered long before says nothing about it.
  mutating func begin(now: Double) {
    lastAnswerAt = max(lastAnswerAt, now)
    failuresInARow = 0
  }

  /// When a request of so many tokens may be sent; at once where it lies in the past.
  mutating func sendsAt(tokens count: Int, now: Double) -> Double {
    max(openAt, requests?.readyAt(1, now: now) ?? now, tokens?.readyAt(Double(count), now: now) ?? now)
  }

  mutating func sent(tokens count: Int, now: Double) {
    requests?.take(1, now: now)
    tokens?.take(Double(count), now: now)
  }

  mutating func answered(now: Double) {
    lastAnswerAt = now
    failuresInARow = 0
    answersSinceChange += 1
    guard streams < streamsMax, answersSinceChange >= 2 * streams else { return }
    streams += 1
    answersSinceChange = 0
  }

  /// - Parameter jitter: 0 … 1, so that streams do not come back all at once.
  /// - Returns: when the request may be sent again.
  mutating func overloaded(retryAfter: Double?, jitter: Double, now: Double) -> Double {
    // Requests that were under way together are refused together: that is one refusal.
    if now >= openAt || answersSinceChange > 0 {
      streams = max(1, streams / 2)
      answersSinceChange = 0
    }
    let wait = retryAfter.map { min(max(0, $0), Self.retryAfterSecondsMax) } ?? backoff()
    openAt = max(openAt, now + wait)
    return openAt + jitter * Self.waitSecondsMin
  }

  /// - Returns: when the request may be sent again.
  mutating func failed(jitter: Double, now: Double) -> Double { now + backoff() * (0.5 + jitter / 2) }

  private mutating func backoff() -> Double {
    failuresInARow += 1
    // Several streams fail together: one of them doubles the wait.
    return Self.waitSeconds(failures: 1 + (failuresInARow - 1) / max(1, streams))
  }

  /// Before the next attempt after so many failures, 1 …: doubled each time, up to a bound.
  static func waitSeconds(failures: Int) -> Double {
    min(waitSecondsMax, waitSecondsMin * Double(1 << min(16, max(0, failures - 1))))
  }
}

/// The pace of all who ask a model.
final class SharedEmbeddingPace: Sendable {
  private static let start = ContinuousClock.now
  private let pace: Mutex<EmbeddingPace>

  init(_ embedder: Embedder) { pace = Mutex(EmbeddingPace(embedder, now: Self.now)) }

  /// Seconds of the clock that all paces have.
  static var now: Double { start.secondsToNow }

  /// The moment of that clock.
  static func instant(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

  func callAsFunction<Result: Sendable>(_ body: (inout EmbeddingPace) -> Result) -> Result {
    pace.withLock { body(&$0) }
  }
}

/// So much a minute, and up to a sixth of that at once: what was not used for ten seconds is lost.
private struct TokenBucket: Sendable {
  private let perSecond: Double
  private let capacity: Double
  private var level: Double
  private var at: Double

  init(perMinute: Double, now: Double) {
    perSecond = perMinute / 60
    capacity = max(1, perMinute / 6)
    level = capacity
    at = now
  }

  /// One request may be larger than all that fits in: it waits until it is full and leaves a debt.
  mutating func readyAt(_ count: Double, now: Double) -> Double {
    fill(now)
    let missing = min(count, capacity) - level
    return missing <= 0 ? now : now + missing / perSecond
  }

  mutating func take(_ count: Double, now: Double) {
    fill(now)
    level -= count
  }

  private mutating func fill(_ now: Double) {
    level = min(capacity, level + max(0, now - at) * perSecond)
    at = max(at, now)
  }
}
