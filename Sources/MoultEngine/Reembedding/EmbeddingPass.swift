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
  /// Of requests.
  let requests: SharedEmbeddingPace
  /// Only these, rising; `nil` for all.
  var rows: [Int64]?
  /// Gives, for the moment, which rows need no vector any more; `nil` for none.
  var isDone: (@Sendable () -> (Int64) -> Bool)?

  /// Points that are looked at between two looks at the cache.
  private static let pagePoints = 2_000
  /// Batches that are ready, for each stream: a page is loaded while these are sent.
  private static let readyBatches = 4
  private static let saveSeconds = 1.0

  var embedder: Embedder { text.order.embedder }

  // MARK: Parts

  struct Item: Sendable {
    var key: EmbeddingCache.Key
    var text: String
    /// A point that has it.
    var id: PointID
    var page: Int

    /// Most tokenizers make three to five bytes of a token.
    var tokens: Int { max(1, text.utf8.count / 4) }
  }

  struct Batch: Sendable {
    var items: [Item]
    var sendsAt = -Double.infinity
    var failures = 0
    var firstFailedAt = Double.infinity

    var tokens: Int { items.reduce(0) { $0 + $1.tokens } }
  }

  struct Page: Sendable {
    var lastRow: Int64
    var points = 0
    /// Texts that the cache does not have, each once.
    var items: [Item] = []
    var exceptions: [(id: PointID, reason: String)] = []
    var isLast = false
  }

  enum Event: Sendable {
    case page(Page)
    /// - Parameter next: what its stream has sent since.
    case answered(Batch, EmbeddingAnswer, EmbeddingCache.Spent, next: Batch?)
    case failed(Batch, EmbeddingFailure)
    case noted(Batch)
    case probed(Batch, String, isRefused: Bool, isAnswered: Bool)
    case waited
    case saved
    case ended(any Error)
  }

  typealias Tasks = ThrowingDiscardingTaskGroup<any Error>

  /// A page whose texts are not all there yet.
  struct OpenPage {
    var number: Int
    var lastRow: Int64
    var points: Int
    var texts: Int
    var missing: Int
    var skipped: Int
  }

  struct State {
    var progress: Progress
    var random: SplitMix64
    /// Where tasks report to.
    let events: AsyncStream<Event>.Continuation
    let relay: EmbeddingRelay
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
    /// By the job, over all its attempts.
    var spent = EmbeddingCache.Spent()
    var isSaving = false
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
    requests { $0.begin(now: SharedEmbeddingPace.now) }
    let (events, report) = AsyncStream.makeStream(of: Event.self)
    var state = State(
      progress: progress,
      random: SplitMix64(seed: UInt64(bitPattern: context.record.id) &+ UInt64(context.record.attempt)),
      events: report, relay: EmbeddingRelay(pace: requests), nextRow: progress.row)
    // What was paid for between the last save and the end of an attempt is counted all the same.
    var spent = try await cache.spent(by: context.record.id)
    spent.texts = max(spent.texts, progress.report.texts)
    spent.requests = max(spent.requests, progress.report.requests)
    spent.tokens = max(spent.tokens, progress.report.tokens)
    spent.seconds = max(spent.seconds, progress.report.requestSeconds ?? 0)
    count(spent, &state)
    state.savedAt = SharedEmbeddingPace.now
    return try await withThrowingDiscardingTaskGroup { group in
      defer { group.cancelAll() }
      var arrivals = events.makeAsyncIterator()
      while true {
        try context.checkCancellation()
        let now = SharedEmbeddingPace.now
        let isSpent = isSpent(state.progress)
        if !isSpent {
          load(&state, isUrgent: isUrgent, in: &group)
          send(&state, in: &group, now: now)
        }
        if state.requests == 0, state.noting == 0, !state.isLoading, !state.isSaving {
          if isSpent {
            try await save(state.progress)
            throw BudgetSpent(progress: state.progress)
          }
          if state.isAtEnd, state.ready.isEmpty, state.again.isEmpty, state.relay.count == 0 { break }
        }
        if !isSpent { wait(&state, in: &group) }
        guard let event = await arrivals.next() else { throw CancellationError() }
        try handle(
          event, &state, in: &group, now: SharedEmbeddingPace.now, patienceSeconds: patienceSeconds)
        if close(&state), !state.isSaving, SharedEmbeddingPace.now - state.savedAt >= Self.saveSeconds {
          // Beside the requests: an endpoint that waits for a disk stands still.
          state.isSaving = true
          let progress = state.progress
          begin(&group, state) {
            try await cache.settle()
            try await save(progress)
            return .saved
          }
        }
        try context.reportProgress(
          phase: phase, rowsDone: state.progress.report.points,
          rowsTotal: max(state.progress.report.points, Int64(source.snapshot.liveCount)))
      }
      try await cache.fold()
      if state.progress.row != progress.row || state.progress.report != progress.report {
        try await save(state.progress)
      }
      return state.progress
    }
  }

  /// Has `body` run beside the loop, which learns of its end.
  func begin(
    _ group: inout Tasks, _ state: State, _ body: @escaping @Sendable () async throws -> Event
  ) {
    let events = state.events
    group.addTask {
      do { events.yield(try await body()) } catch { events.yield(.ended(error)) }
    }
  }

  private func isSpent(_ progress: Progress) -> Bool {
    guard let budget = text.order.budget, let cost = progress.report.cost else { return false }
    return cost - progress.costBefore >= budget
  }

  private func load(_ state: inout State, isUrgent: Bool, in group: inout Tasks) {
    let wanted = Self.readyBatches * embedder.streams * embedder.batchTexts
    guard !state.isLoading, !state.isAtEnd, state.ready.count < wanted else { return }
    state.isLoading = true
    state.storedMeanwhile = []
    let row = state.nextRow
    begin(&group, state) {
      .page(
        try await (isUrgent ? resources.writing : resources.background).run {
          let page = try page(after: row)
          if !isUrgent { pace.begin(rows: page.points) }
          return page
        })
    }
  }

  private func send(_ state: inout State, in group: inout Tasks, now: Double) {
    if state.requests < requests({ $0.streams }) { takeBack(&state) }
    while state.requests < requests({ $0.streams }), let batch = next(&state, now: now) {
      let tokens = batch.tokens
      let isSent = requests { pace in
        guard pace.sendsAt(tokens: tokens, now: now) <= now else { return false }
        pace.sent(tokens: tokens, now: now)
        return true
      }
      guard isSent else {
        state.again.insert(batch, at: 0)
        return
      }
      state.requests += 1
      let (events, relay) = (state.events, state.relay)
      begin(&group, state) { try await sendOn(batch, relay, events) }
    }
    handOver(&state)
  }

  /// Sends a batch, and as long as all goes well the next one that is there as soon as its vectors are kept: an endpoint
  /// waits for nothing else.
  ///
  /// - Returns: what became of the last one; of the others it has told.
  private func sendOn(
    _ batch: Batch, _ relay: EmbeddingRelay, _ events: AsyncStream<Event>.Continuation
  ) async throws -> Event {
    var batch = batch
    do {
      while true {
        let start = ContinuousClock.now
        let answer = try await model.embed(batch.items.map(\.text))
        let checked = try check(answer, of: batch)
        // What an endpoint counts is only its word: a wild number must not end the sum.
        let spent = EmbeddingCache.Spent(
          texts: Int64(batch.items.count), requests: 1,
          tokens: Int64(max(0, min(checked.tokens ?? batch.tokens, Self.tokensPerAnswerMax))),
          seconds: start.secondsToNow)
        try await store(checked.outcomes, of: batch, spent: spent)
        guard let next = relay.take() else { return .answered(batch, checked, spent, next: nil) }
        events.yield(.answered(batch, checked, spent, next: next))
        batch = next
        try Task.checkCancellation()
      }
    } catch let failure as EmbeddingFailure {
      return .failed(batch, failure)
    }
  }

  /// Leaves a batch for each stream to go on with, unless it is the loop that must decide.
  private func handOver(_ state: inout State) {
    let mayGoOn =
      text.order.budget == nil && state.again.isEmpty && state.requests <= requests { $0.streams }
    guard mayGoOn else { return takeBack(&state) }
    while state.relay.count < state.requests, let batch = next(&state, now: -.infinity) {
      state.relay.put(batch)
    }
  }

  private func takeBack(_ state: inout State) {
    state.ready.insert(contentsOf: state.relay.takeAll().flatMap(\.items), at: 0)
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
  private func wait(_ state: inout State, in group: inout Tasks) {
    guard state.requests < requests({ $0.streams }), !state.again.isEmpty else { return }
    let now = SharedEmbeddingPace.now
    let due = requests { pace in
      state.again.map { max($0.sendsAt, pace.sendsAt(tokens: $0.tokens, now: now)) }.min()!
    }
    guard due < state.waitsUntil else { return }
    state.waitsUntil = due
    begin(&group, state) {
      try await Task.sleep(until: SharedEmbeddingPace.instant(max(now, due)), clock: .continuous)
      return .waited
    }
  }

  private func handle(
    _ event: Event, _ state: inout State, in group: inout Tasks, now: Double,
    patienceSeconds: Double
  ) throws {
    switch event {
    case .page(let page): add(page, &state)
    case .waited: state.waitsUntil = .infinity
    case .saved:
      state.isSaving = false
      state.savedAt = now
    case .noted(let batch):
      state.noting -= 1
      finish(batch, &state)
    case .probed(let batch, let reason, let isRefused, let isAnswered):
      state.noting -= 1
      switch (isAnswered, isRefused) {
      case (true, _):
        requests { $0.answered(now: now) }
        state.refusals = 0
        try refuse(batch, reason, &state, in: &group)
      case (false, true):
        throw MoultError(
          .invalidArgument,
          "embedder '\(embedder.name)' has refused \(state.refusals) texts in a row and '\(Self.probe)' too, so it is not "
            + "the texts: \(reason)")
      case (false, false): state.again.append(batch)
      }
    case .answered(let batch, let answer, let spent, let next):
      if next == nil { state.requests -= 1 }
      requests { $0.answered(now: now) }
      count(state.spent + spent, &state)
      if answer.outcomes.contains(where: { if case .vector = $0 { true } else { false } }) {
        state.refusals = 0
      }
      finish(batch, &state)
    case .failed(let batch, let failure):
      state.requests -= 1
      state.progress.report.repeated += 1
      try retry(batch, failure, &state, in: &group, now: now, patienceSeconds: patienceSeconds)
    case .ended(let error): throw error
    }
  }

  private func count(_ spent: EmbeddingCache.Spent, _ state: inout State) {
    state.spent = spent
    state.progress.report.texts = spent.texts
    state.progress.report.requests = spent.requests
    state.progress.report.tokens = spent.tokens
    state.progress.report.requestSeconds = spent.seconds
    state.progress.report.cost = embedder.pricePerMillionTokens.map { Double(spent.tokens) / 1e6 * $0 }
  }

  // MARK: Pages

  private func page(after row: Int64) throws -> Page {
    let (points, isLast) = try points(after: row)
    var page = Page(lastRow: points.last?.row ?? row, points: points.count)
    page.isLast = isLast
    var items: [Item] = []
    let isDone = isDone?()
    for point in points where isDone?(point.row) != true {
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

  private func points(after row: Int64) throws -> ([StoredPoint], isLast: Bool) {
    try resources.directory.read { db in
      guard let rows else {
        let points = try source.points.scanLive(
          afterRow: row, limit: Self.pagePoints, payloads: true, in: db)
        return (points, points.count < Self.pagePoints)
      }
      // Those that have died since are embedded for nothing, which does no harm.
      let chosen = rows.drop { $0 <= row }.prefix(Self.pagePoints)
      let points = try source.points.points(rows: chosen, payloads: true, in: db)
      return (chosen.compactMap { points[$0] }, chosen.count < Self.pagePoints || points.isEmpty)
    }
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
  func check(_ answer: EmbeddingAnswer, of batch: Batch) throws -> EmbeddingAnswer {
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

  func store(
    _ outcomes: [EmbeddingAnswer.Outcome], of batch: Batch, spent: EmbeddingCache.Spent? = nil
  ) async throws {
    let entries = zip(batch.items, outcomes).map { item, outcome in
      let entry: EmbeddingCache.Entry =
        switch outcome {
        case .vector(let vector): .vector(vector)
        case .refused(let reason): .refused(reason)
        }
      return (key: item.key, entry: entry)
    }
    try await cache.store(entries, job: context.record.id, spent: spent)
  }
}
