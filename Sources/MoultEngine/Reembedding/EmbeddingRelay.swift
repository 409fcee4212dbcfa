import Synchronization

/// Batches that streams go on with as soon as an answer is kept, without a word from the loop that decides.
final class EmbeddingRelay: Sendable {
  private let pace: SharedEmbeddingPace
  private let batches = Mutex<[EmbeddingPass.Batch]>([])

  init(pace: SharedEmbeddingPace) { self.pace = pace }

  var count: Int { batches.withLock { $0.count } }

  func put(_ batch: EmbeddingPass.Batch) { batches.withLock { $0.append(batch) } }

  /// The next batch, counted as sent; `nil` where there is none or the endpoint's limits want a wait.
  func take() -> EmbeddingPass.Batch? {
    batches.withLock { batches in
      guard let batch = batches.first else { return nil }
      let (tokens, now) = (batch.tokens, SharedEmbeddingPace.now)
      let isSent = pace { pace in
        guard pace.sendsAt(tokens: tokens, now: now) <= now else { return false }
        pace.sent(tokens: tokens, now: now)
        return true
      }
      return isSent ? batches.removeFirst() : nil
    }
  }

  /// Everything that no stream has taken.
  func takeAll() -> [EmbeddingPass.Batch] {
    batches.withLock { batches in
      defer { batches = [] }
      return batches
    }
  }
}
