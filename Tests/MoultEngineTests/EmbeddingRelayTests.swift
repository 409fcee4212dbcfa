import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Batches that streams go on with")
struct EmbeddingRelayTests {
  private func relay(requestsPerMinute: Double? = nil) -> (EmbeddingRelay, SharedEmbeddingPace) {
    let pace = SharedEmbeddingPace(
      Embedder(
        name: "e", url: "http://h", model: "m", dimension: 1, requestsPerMinute: requestsPerMinute))
    return (EmbeddingRelay(pace: pace), pace)
  }

  private func batch(_ text: String) -> EmbeddingPass.Batch {
    EmbeddingPass.Batch(
      items: [
        EmbeddingPass.Item(
          key: EmbeddingText.key(text, identity: "m"), text: text, id: .int64(1), page: 1)
      ])
  }

  @Test("come out once, in their order, and what is taken back does not come out")
  func order() {
    let (relay, _) = relay()
    for text in ["a", "b", "c"] { relay.put(batch(text)) }
    #expect(relay.take()?.items.map(\.text) == ["a"])
    #expect(relay.takeAll().flatMap { $0.items.map(\.text) } == ["b", "c"])
    #expect(relay.count == 0 && relay.take() == nil)
  }

  @Test("stay where a limit of the endpoint wants a wait, and count as requests")
  func limits() {
    // A sixth of a minute's requests at once: two.
    let (relay, _) = relay(requestsPerMinute: 12)
    for _ in 0..<4 { relay.put(batch("a")) }
    #expect(relay.take() != nil && relay.take() != nil)
    #expect(relay.take() == nil && relay.count == 2)
  }

  @Test("stay while the endpoint has asked for patience")
  func overload() {
    let (relay, pace) = relay()
    relay.put(batch("a"))
    _ = pace { $0.overloaded(retryAfter: 60, jitter: 0, now: SharedEmbeddingPace.now) }
    #expect(relay.take() == nil && relay.count == 1)
  }
}
