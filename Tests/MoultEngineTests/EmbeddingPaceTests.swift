import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("The pace of an embedding")
struct EmbeddingPaceTests {
  private func pace(streams: Int = 4, requests: Double? = nil, tokens: Double? = nil) -> EmbeddingPace {
    EmbeddingPace(
      Embedder(
        name: "e", url: "http://h", model: "m", dimension: 1, streams: streams, requestsPerMinute: requests,
        tokensPerMinute: tokens), now: 0)
  }

  @Test(
    "an overload halves the streams once, however many requests it meets, and answers bring them back one by one"
  )
  func streams() {
    var pace = pace(streams: 8)
    for _ in 0..<8 { _ = pace.overloaded(retryAfter: 2, jitter: 0.5, now: 10) }
    #expect(pace.streams == 4)
    #expect(pace.sendsAt(tokens: 1, now: 10) == 12)
    _ = pace.overloaded(retryAfter: 2, jitter: 0.5, now: 12.5)
    #expect(pace.streams == 2)
    var steps = [pace.streams]
    for answer in 0..<200 {
      pace.answered(now: 20 + Double(answer))
      if pace.streams != steps.last { steps.append(pace.streams) }
    }
    #expect(steps == Array(2...8))
    for storm in 0..<100 { _ = pace.overloaded(retryAfter: 0.1, jitter: 0, now: 300 + Double(storm)) }
    #expect(pace.streams == 1)
  }

  @Test("waits double from failure to failure up to half a minute, and a day that is asked for is not kept")
  func waits() {
    var pace = pace(streams: 1)
    let waits = (0..<12).map { _ in pace.failed(jitter: 1, now: 0) }
    #expect(waits[0] == EmbeddingPace.waitSecondsMin)
    #expect(zip(waits, waits.dropFirst()).allSatisfy { $1 == min(EmbeddingPace.waitSecondsMax, $0 * 2) })
    pace.answered(now: 1)
    #expect(pace.failed(jitter: 1, now: 0) == EmbeddingPace.waitSecondsMin)
    _ = pace.overloaded(retryAfter: 86_400, jitter: 0, now: 0)
    #expect(pace.sendsAt(tokens: 1, now: 0) == EmbeddingPace.retryAfterSecondsMax)
  }

  @Test(
    "over any minute no more is sent than the limit and what may be sent at once",
    arguments: [UInt64(1), 2, 3])
  func limits(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let (requests, tokens) = (120.0, 30_000.0)
    var pace = pace(requests: requests, tokens: tokens)
    var now = 0.0
    var sent: [(at: Double, tokens: Int)] = []
    while now < 300 {
      let count = Int.random(in: 1...2_000, using: &random)
      now = max(now, pace.sendsAt(tokens: count, now: now)) + 1e-9
      pace.sent(tokens: count, now: now)
      sent.append((now, count))
    }
    for first in sent.indices {
      let minute = sent[first...].prefix { $0.at < sent[first].at + 60 }
      #expect(Double(minute.count) <= requests * 7 / 6 + 1, "seed \(seed)")
      // The last one may go into debt.
      #expect(Double(minute.reduce(0) { $0 + $1.tokens }) <= tokens * 7 / 6 + 2_000, "seed \(seed)")
    }
    // And it is not slower than it has to be: one of the limits is kept busy.
    let perMinute = Double(sent.count) / 5
    let tokensPerMinute = Double(sent.reduce(0) { $0 + $1.tokens }) / 5
    #expect(max(perMinute / requests, tokensPerMinute / tokens) > 0.95, "seed \(seed)")
  }
}
