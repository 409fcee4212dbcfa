import Foundation
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Brings the vectors of a collection's texts into the cache: everything that costs money, and nothing else.
///
/// It goes through live rows in their order and asks for each text that the cache does not have, once. What it has got
/// is durable before the next request goes out in its place, so a crash costs at most one batch a stream. One task
/// decides everything; requests, pages of points and waits are tasks that report to it.
struct EmbeddingPass: Sendable {
  /// More than any model takes at once; sums of it stay within 64 bits.
  private static let tokensPerAnswerMax = 1 << 32

  /// How far a job's embedding is.
  struct Progress: Codable, Sendable {
    /// Texts of rows up to here are in the cache.
    var row: Int64 = -1
    var report: EmbeddingReport
    /// What had been spent when the job was last told to go on.
    var costBefore = 0.0

    init(embedder: String) { report = EmbeddingReport(embedder: embedder) }
  }

  /// What a job with a budget ends an attempt with.
  struct BudgetSpent: Error {
    var progress: Progress
  }

  let resources: EngineResources
  let source: Collection
  let text: EmbeddingText
  let model: any TextEmbedding
  let cache: EmbeddingCache
  let context: JobContext
  let pace: Pace

  /// Points that are looked at between two looks at the cache.
  private static let pagePoints = 2_000
  /// Batches that are ready, for each stream: a page is loaded while these are sent.
  private static let readyBatches = 4
  /// With so many refusals and no vector it is not the texts.
  private static let refusalsMax = 64
  private static let saveSeconds = 1.0

  private var embedder: Embedder { text.order.embedder }

  // MARK: Parts

  private struct Item: Sendable {
    var key: EmbeddingCache.Key
    var text: String
    /// A point that has it.
    var id: PointID
    var page: Int

    /// Most tokenizers make three to five bytes of a token.
    var tokens: Int { max(1, text.utf8.count / 4) }
  }

  private struct Batch: Sendable {
    var items: [Item]
    var sendsAt = -Double.infinity

    var tokens: Int { items.reduce(0) { $0 + $1.tokens } }
  }

  private struct Page: Sendable {
    var lastRow: Int64
    var points = 0
    /// Texts that the cache does not have, each once.
    var items: [Item] = []
    var exceptions: [(id: PointID, reason: String)] = []
    var isLast = false
  }

  private enum Event: Sendable {
    case page(Page)
    case answered(Batch, EmbeddingAnswer)
    case failed(Batch, EmbeddingFailure)
    case noted(Batch)
    case waited
  }

  /// A page whose texts are not all there yet.
  private struct OpenPage {
    var number: Int
    var lastRow: Int64
    var points: Int
    var texts: Int
    var missing: Int
    var skipped: Int
  }

  private struct State {
    var progress: Progress
    var pace: EmbeddingPace
    var random: SplitMix64
    var pages: [OpenPage] = []
    var pageCount = 0
    var ready: [Item] = []
    var again: [Batch] = []
    var underWay = Set<EmbeddingCache.Key>()
    /// Stored since the page began to be loaded, which did not see them.
    var storedMeanwhile = Set<EmbeddingCache.Key>()
    var nextRow: Int64
    var isLoading = false
    var isAtEnd = false
    var requests = 0
    var noting = 0
    var refusals = 0
    var waitsUntil = Double.infinity
    var savedAt = 0.0
    var lastReason = ""
  }

  // MARK: The loop

  /// Goes on from `progress.row` to the last row that is there.
  ///
  /// - Parameters:
  ///   - isUrgent: whether writers wait for it: it keeps to no pace then, and takes threads that give way to nobody.
  ///   - patienceSeconds: how long nothing but failures may come back.
  ///   - save: makes progress durable.
  /// - Throws: `BudgetSpent`; `unavailable` when patience is at its end; what the model says for good.
  func run(
    _ progress: Progress, phase: String, isUrgent: Bool = false, patienceSeconds: Double,
    save: @escaping @Sendable (Progress) async throws -> Void
  ) async throws -> Progress {
    let start = ContinuousClock.now
    var state = State(
      progress: progress, pace: EmbeddingPace(embedder, now: 0),
      random: SplitMix64(seed: UInt64(bitPattern: context.record.id) &+ UInt64(context.record.attempt)),
      nextRow: progress.row)
    return try await withThrowingTaskGroup(of: Event.self) { group in
      defer { group.cancelAll() }
      while true {
        try context.checkCancellation()
        let now = start.secondsToNow
        let isSpent = isSpent(state.progress)
        if !isSpent {
          load(&state, isUrgent: isUrgent, in: &group)
          send(&state, in: &group, now: now)
        }
        if state.requests == 0, state.noting == 0, !state.isLoading {
          if isSpent {
            try await save(state.progress)
            throw BudgetSpent(progress: state.progress)
          }
          if state.isAtEnd, state.ready.isEmpty, state.again.isEmpty { break }
        }
        if !isSpent { wait(&state, in: &group, start: start) }
        guard let event = try await group.next() else { continue }
        try handle(event, &state, in: &group, now: start.secondsToNow, patienceSeconds: patienceSeconds)
        if close(&state), start.secondsToNow - state.savedAt >= Self.saveSeconds {
          state.savedAt = start.secondsToNow
          try await save(state.progress)
        }
        try context.reportProgress(
          phase: phase, rowsDone: state.progress.report.points,
          rowsTotal: max(state.progress.report.points, Int64(source.snapshot.liveCount)))
      }
      if state.progress.row != progress.row || state.progress.report != progress.report {
        try await save(state.progress)
      }
      return state.progress
    }
  }

  private func isSpent(_ progress: Progress) -> Bool {
    guard let budget = text.order.budget, let cost = progress.report.cost else { return false }
    return cost - progress.costBefore >= budget
  }

  private func load(
    _ state: inout State, isUrgent: Bool, in group: inout ThrowingTaskGroup<Event, any Error>
  ) {
    let wanted = Self.readyBatches * embedder.streams * embedder.batchTexts
    guard !state.isLoading, !state.isAtEnd, state.ready.count < wanted else { return }
    state.isLoading = true
    state.storedMeanwhile = []
    let row = state.nextRow
    group.addTask {
      .page(
        try await (isUrgent ? resources.writing : resources.background).run {
          let page = try page(after: row)
          if !isUrgent { pace.begin(rows: page.points) }
          return page
        })
    }
  }

  private func send(
    _ state: inout State, in group: inout ThrowingTaskGroup<Event, any Error>, now: Double
  ) {
    while state.requests < state.pace.streams, let batch = next(&state, now: now) {
      let tokens = batch.tokens
      guard state.pace.sendsAt(tokens: tokens, now: now) <= now else {
        state.again.insert(batch, at: 0)
        return
      }
      state.pace.sent(tokens: tokens, now: now)
      state.requests += 1
      group.addTask {
        do {
          let answer = try await model.embed(batch.items.map(\.text))
          let checked = try check(answer, of: batch)
          try await store(checked.outcomes, of: batch)
          return .answered(batch, checked)
        } catch let failure as EmbeddingFailure {
          return .failed(batch, failure)
        }
      }
    }
  }

  /// What to send next: what was sent before, once it is due, then full batches, then what is left at the end.
  private func next(_ state: inout State, now: Double) -> Batch? {
    if let place = state.again.firstIndex(where: { $0.sendsAt <= now }) {
      return state.again.remove(at: place)
    }
    let isWhole = state.ready.count >= embedder.batchTexts
    guard isWhole || (state.isAtEnd && !state.isLoading && !state.ready.isEmpty) else { return nil }
    let batch = Batch(items: Array(state.ready.prefix(embedder.batchTexts)))
    state.ready.removeFirst(batch.items.count)
    return batch
  }

  /// Wakes the loop when something becomes due that no answer will remind it of.
  private func wait(
    _ state: inout State, in group: inout ThrowingTaskGroup<Event, any Error>, start: ContinuousClock.Instant
  ) {
    guard state.requests < state.pace.streams, !state.again.isEmpty else { return }
    let now = start.secondsToNow
    let due = state.again.map { max($0.sendsAt, state.pace.sendsAt(tokens: $0.tokens, now: now)) }.min()!
    guard due < state.waitsUntil else { return }
    state.waitsUntil = due
    group.addTask {
      try await Task.sleep(until: start + .seconds(max(now, due)), clock: .continuous)
      return .waited
    }
  }

  private func handle(
    _ event: Event, _ state: inout State, in group: inout ThrowingTaskGroup<Event, any Error>, now: Double,
    patienceSeconds: Double
  ) throws {
    switch event {
    case .page(let page): add(page, &state)
    case .waited: state.waitsUntil = .infinity
    case .noted(let batch):
      state.noting -= 1
      finish(batch, &state)
    case .answered(let batch, let answer):
      state.requests -= 1
      state.pace.answered(now: now)
      // What an endpoint counts is only its word: a wild number must not end the sum.
      let tokens = Int64(max(0, min(answer.tokens ?? batch.tokens, Self.tokensPerAnswerMax)))
      state.progress.report.requests += 1
      state.progress.report.texts += Int64(batch.items.count)
      state.progress.report.tokens += tokens
      if let price = embedder.pricePerMillionTokens {
        state.progress.report.cost = Double(state.progress.report.tokens) / 1e6 * price
      }
      finish(batch, &state)
    case .failed(let batch, let failure):
      state.requests -= 1
      state.progress.report.repeated += 1
      try retry(batch, failure, &state, in: &group, now: now, patienceSeconds: patienceSeconds)
    }
  }

  private func retry(
    _ batch: Batch, _ failure: EmbeddingFailure, _ state: inout State,
    in group: inout ThrowingTaskGroup<Event, any Error>, now: Double, patienceSeconds: Double
  ) throws {
    let jitter = Double.random(in: 0...1, using: &state.random)
    var batch = batch
    switch failure {
    case .lasting(let error): throw error
    case .overloaded(let reason, let retryAfter):
      batch.sendsAt = state.pace.overloaded(retryAfter: retryAfter, jitter: jitter, now: now)
      state.lastReason = reason
    case .passing(let reason):
      batch.sendsAt = state.pace.failed(jitter: jitter, now: now)
      state.lastReason = reason
    case .refused(let reason):
      // It does answer.
      state.pace.answered(now: now)
      return try refuse(batch, reason, &state, in: &group)
    }
    state.again.append(batch)
    guard now - state.pace.lastAnswerAt > patienceSeconds else { return }
    throw MoultError(
      .unavailable,
      "embedder '\(embedder.name)' has answered nothing usable for \(Int(now - state.pace.lastAnswerAt)) s: "
        + state.lastReason)
  }

  /// Halves the batch until the text stands alone that is not taken.
  private func refuse(
    _ batch: Batch, _ reason: String, _ state: inout State,
    in group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    guard batch.items.count == 1 else {
      let half = batch.items.count / 2
      state.again.insert(Batch(items: Array(batch.items[half...])), at: 0)
      state.again.insert(Batch(items: Array(batch.items[..<half])), at: 0)
      return
    }
    state.refusals += 1
    guard state.refusals < Self.refusalsMax || state.progress.report.texts > 0 else {
      throw MoultError(
        .invalidArgument,
        "embedder '\(embedder.name)' refuses every text, so it is not the texts: \(reason)")
    }
    state.noting += 1
    group.addTask {
      try await store([.refused(reason)], of: batch)
      return .noted(batch)
    }
  }

  // MARK: Pages

  private func page(after row: Int64) throws -> Page {
    let points = try resources.directory.read { db in
      try source.points.scanLive(afterRow: row, limit: Self.pagePoints, payloads: true, in: db)
    }
    var page = Page(lastRow: points.last?.row ?? row, points: points.count)
    page.isLast = points.count < Self.pagePoints
    var items: [Item] = []
    for point in points {
      switch text.text(of: point) {
      case .none(let reason):
        try text.requireText(point, reason)
        page.exceptions.append((point.id, reason))
      case .text(let text):
        items.append(
          Item(key: EmbeddingText.key(text, identity: model.identity), text: text, id: point.id, page: 0))
      }
    }
    let known = try cache.known(items.map(\.key), dimension: embedder.dimension, job: context.record.id)
    var seen = Set<EmbeddingCache.Key>()
    for (item, isKnown) in zip(items, known) where !isKnown && seen.insert(item.key).inserted {
      page.items.append(item)
    }
    return page
  }

  private func add(_ page: Page, _ state: inout State) {
    state.isLoading = false
    state.isAtEnd = page.isLast
    state.nextRow = page.lastRow
    state.pageCount += 1
    let fresh = page.items.filter {
      !state.storedMeanwhile.contains($0.key) && state.underWay.insert($0.key).inserted
    }
    for var item in fresh {
      item.page = state.pageCount
      state.ready.append(item)
    }
    for (id, reason) in page.exceptions { state.progress.report.note(id, reason) }
    state.pages.append(
      OpenPage(
        number: state.pageCount, lastRow: page.lastRow, points: page.points, texts: fresh.count,
        missing: fresh.count, skipped: page.exceptions.count))
  }

  private func finish(_ batch: Batch, _ state: inout State) {
    for item in batch.items {
      state.underWay.remove(item.key)
      if state.isLoading { state.storedMeanwhile.insert(item.key) }
      // The oldest page that is open is the first, and numbers follow each other.
      state.pages[item.page - state.pages[0].number].missing -= 1
    }
  }

  /// Counts pages whose texts are all there.
  ///
  /// - Returns: whether there were any.
  private func close(_ state: inout State) -> Bool {
    var isAny = false
    while let page = state.pages.first, page.missing == 0 {
      state.pages.removeFirst()
      state.progress.row = page.lastRow
      state.progress.report.points += Int64(page.points)
      state.progress.report.reused += Int64(page.points - page.skipped - page.texts)
      isAny = isAny || page.points > 0
    }
    return isAny
  }

  // MARK: Answers

  /// Looks at what came back: vectors that a collection could not hold are refusals of their texts.
  private func check(_ answer: EmbeddingAnswer, of batch: Batch) throws -> EmbeddingAnswer {
    guard answer.outcomes.count == batch.items.count else {
      throw EmbeddingFailure.lasting(
        MoultError(
          .internalError,
          "embedder '\(embedder.name)' gave \(answer.outcomes.count) vectors for \(batch.items.count) texts"))
    }
    var answer = answer
    for (place, outcome) in answer.outcomes.enumerated() {
      guard case .vector(let vector) = outcome else { continue }
      guard vector.count == embedder.dimension else {
        throw EmbeddingFailure.lasting(
          MoultError(
            .dimensionMismatch,
            "embedder '\(embedder.name)' is said to give \(embedder.dimension) entries a vector; for point "
              + "'\(batch.items[place].id)' it gave \(vector.count). Add it again with --dimension \(vector.count)"
          ))
      }
      if let fault = Self.fault(vector) { answer.outcomes[place] = .refused(fault) }
    }
    return answer
  }

  /// Why a vector cannot be stored, whatever the metric; `nil` when it can.
  static func fault(_ vector: [Float]) -> String? {
    var squared = 0.0
    for entry in vector { squared += Double(entry) * Double(entry) }
    guard squared.isFinite else { return "its vector has an entry that is no finite number" }
    guard squared >= VectorLength.squaredMin else { return "its vector is zero" }
    return squared <= VectorLength.squaredMax ? nil : "its vector is too long to be scored in float32"
  }

  private func store(_ outcomes: [EmbeddingAnswer.Outcome], of batch: Batch) async throws {
    let entries = zip(batch.items, outcomes).map { item, outcome in
      let entry: EmbeddingCache.Entry =
        switch outcome {
        case .vector(let vector): .vector(vector)
        case .refused(let reason): .refused(reason)
        }
      return (key: item.key, entry: entry)
    }
    try await cache.store(entries, job: context.record.id)
  }
}
