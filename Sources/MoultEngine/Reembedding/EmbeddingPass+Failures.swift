import Foundation
import MoultModel

/// What becomes of a batch that was not answered with vectors: it is sent again, halved, or set aside.
extension EmbeddingPass {
  /// After so many refusals in a row, and no vector between them, it may not be the texts.
  private static let refusalsMax = 64
  /// What is asked for then.
  static let probe = "word"
  /// After so many failures of its own, while others are answered or a probe is, a batch is taken to hold a text that the
  /// model fails at, and after a few more a single text to be one: a spell of failures must not be taken for it.
  private static let batchFailuresMax = 4
  private static let textFailuresMax = 6

  func retry(
    _ batch: Batch, _ failure: EmbeddingFailure, _ state: inout State,
    in group: inout Tasks, now: Double, patienceSeconds: Double
  ) throws {
    let jitter = Double.random(in: 0...1, using: &state.random)
    var batch = batch
    switch failure {
    case .lasting(let error): throw error
    case .overloaded(let reason, let retryAfter):
      batch.sendsAt = requests { $0.overloaded(retryAfter: retryAfter, jitter: jitter, now: now) }
      state.lastReason = reason
    case .passing(let reason):
      batch.failures += 1
      batch.firstFailedAt = min(batch.firstFailedAt, now)
      let failuresMax = batch.items.count == 1 ? Self.textFailuresMax : Self.batchFailuresMax
      if batch.failures >= failuresMax {
        if requests({ $0.lastAnswerAt }) > batch.firstFailedAt {
          return try refuse(batch, reason, &state, in: &group)
        }
      }
      // The endpoint's own wait starts anew with each answer that others get.
      let wait = EmbeddingPace.waitSeconds(failures: batch.failures) * (0.5 + jitter / 2)
      batch.sendsAt = max(requests { $0.failed(jitter: jitter, now: now) }, now + wait)
      state.lastReason = reason
      if batch.failures >= failuresMax {
        // Nobody else has asked since: the last of all texts may be the one, or the endpoint is away.
        try requireAnswers(patienceSeconds, state, now: now)
        return probe(batch, reason, isRefused: false, &state, in: &group)
      }
    case .refused(let reason):
      // It does answer.
      requests { $0.answered(now: now) }
      return try refuse(batch, reason, &state, in: &group)
    }
    state.again.append(batch)
    try requireAnswers(patienceSeconds, state, now: now)
  }

  /// - Throws: `unavailable` when there was none for so long.
  private func requireAnswers(_ patienceSeconds: Double, _ state: State, now: Double) throws {
    let silence = now - requests { $0.lastAnswerAt }
    guard silence > patienceSeconds else { return }
    throw MoultError(
      .unavailable,
      "embedder '\(embedder.name)' has answered nothing usable for \(Int(silence)) s: "
        + state.lastReason)
  }

  /// Asks for a word that any model knows, to learn whether it is the texts or the endpoint.
  private func probe(
    _ batch: Batch, _ reason: String, isRefused: Bool, _ state: inout State,
    in group: inout Tasks
  ) {
    state.noting += 1
    begin(&group, state) {
      let probe = Item(
        key: EmbeddingText.key(Self.probe, identity: model.identity), text: Self.probe, id: batch.items[0].id,
        page: 0)
      do {
        let checked = try check(try await model.embed([probe.text]), of: Batch(items: [probe]))
        if case .vector = checked.outcomes[0] {
          return .probed(batch, reason, isRefused: isRefused, isAnswered: true)
        }
      } catch is EmbeddingFailure {}
      return .probed(batch, reason, isRefused: isRefused, isAnswered: false)
    }
  }

  /// Halves the batch until the text stands alone that is not taken, or that the model fails at.
  func refuse(
    _ batch: Batch, _ reason: String, _ state: inout State,
    in group: inout Tasks
  ) throws {
    guard batch.items.count == 1 else {
      let half = batch.items.count / 2
      for items in [batch.items[half...], batch.items[..<half]] {
        state.again.insert(Batch(items: Array(items), firstFailedAt: batch.firstFailedAt), at: 0)
      }
      return
    }
    state.refusals += 1
    guard state.refusals < Self.refusalsMax else {
      return probe(batch, reason, isRefused: true, &state, in: &group)
    }
    setAside(batch, reason, &state, in: &group)
  }

  private func setAside(
    _ batch: Batch, _ reason: String, _ state: inout State,
    in group: inout Tasks
  ) {
    state.noting += 1
    begin(&group, state) {
      try await store([.refused(reason)], of: batch)
      return .noted(batch)
    }
  }
}
