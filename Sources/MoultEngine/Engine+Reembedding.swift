import Foundation
import MoultJobs
package import MoultModel
import MoultStorage

extension Engine {
  /// Points whose texts are looked at before a job is taken on.
  private static let previewPoints = 1_000
  private static let planPagePoints = 5_000

  /// Enqueues a re-embedding; the job does the rest.
  ///
  /// - Throws: as `startReindex`; `invalidArgument` for an embedder, template or policy that cannot work on the points
  ///   that are there.
  package func startReembed(_ request: ReembedRequest) async throws -> JobInfo {
    if let weights = request.bm25 {
      guard let field = request.field else {
        throw MoultError(.invalidArgument, "say what the sparse vector is to be called: field")
      }
      return try await startTextVector(request, name: field, weights: weights)
    }
    if let field = request.field { return try await startFieldEmbedding(request, field: field) }
    guard let target = request.target, let names = request.names else {
      throw MoultError(
        .invalidArgument,
        "say what the new collection is to be called: target; or which vector field is filled: field")
    }
    let (source, text) = try await prepare(request)
    // The copy's first field is what the model would fill.
    try source.requireFirstField()
    return try await start(
      ReindexJob.embeddingKind, request, on: source,
      schema: EmbeddingStage.schema(from: source.schema, text.order),
      ReindexJob.Arguments(
        source: source.id, target: target, alias: request.alias, ifCurrent: request.ifCurrent,
        specification: request.specification,
        minimumRecall: request.gate.minimumRecall, maximumLoss: request.gate.maximumLoss, k: request.gate.k,
        limits: nil, embedding: text.order)
    ) { [aliases] in try self.check(names, in: aliases.current) }
  }

  /// What a re-embedding would take: it looks at every text, and asks no model.
  ///
  /// - Throws: as ``startReembed(_:)``.
  package func planReembed(_ request: ReembedRequest) async throws -> EmbeddingPlan {
    guard request.bm25 == nil else {
      throw MoultError(
        .invalidArgument, "BM25 asks no model and costs nothing: there is no plan of it; start the job")
    }
    let (source, text) = try await prepare(request)
    let embedder = text.order.embedder
    let model = try resources.embedderSource.source().open(embedder)
    let cache = try resources.embeddings.cache()
    var seen = Set<EmbeddingCache.Key>()
    var plan = EmbeddingPlan(
      points: 0, distinctTexts: 0, cachedTexts: 0, skipped: 0, exceptions: [], tokens: 0, requests: 0,
      secondsMin: nil, cost: nil, diskNeeded: 0, example: nil)
    var report = EmbeddingReport(embedder: embedder.name)
    var row: Int64 = -1
    while true {
      let points = try await resources.directory.read { [row] db in
        try source.points.scanLive(afterRow: row, limit: Self.planPagePoints, payloads: true, in: db)
      }
      guard let last = points.last else { break }
      row = last.row
      plan.points += points.count
      var fresh: [(key: EmbeddingCache.Key, bytes: Int)] = []
      for point in points {
        switch text.text(of: point) {
        case .none(let reason):
          plan.skipped += 1
          report.note(point.id, reason)
        case .text(let text):
          if plan.example == nil { plan.example = String(text.prefix(500)) }
          let key = EmbeddingText.key(text, identity: model.identity)
          if seen.insert(key).inserted { fresh.append((key, text.utf8.count)) }
        }
      }
      // No job's refusals: another one asks again.
      let known = try cache.known(fresh.map(\.key), dimension: embedder.dimension, job: 0)
      for (text, isKnown) in zip(fresh, known) {
        if isKnown { plan.cachedTexts += 1 } else { plan.tokens += Int64(max(1, text.bytes / 4)) }
      }
      try Task.checkCancellation()
    }
    plan.distinctTexts = seen.count
    plan.exceptions = report.exceptions
    let texts = plan.distinctTexts - plan.cachedTexts
    plan.requests = (texts + embedder.batchTexts - 1) / embedder.batchTexts
    let limits = [
      embedder.requestsPerMinute.map { Double(plan.requests) / $0 * 60 },
      embedder.tokensPerMinute.map { Double(plan.tokens) / $0 * 60 },
    ]
    plan.secondsMin = limits.compactMap { $0 }.max()
    plan.secondsExpected = try requestSeconds(of: embedder).map {
      max(plan.secondsMin ?? 0, $0 * Double(plan.requests) / Double(embedder.streams))
    }
    plan.cost = embedder.pricePerMillionTokens.map { Double(plan.tokens) / 1e6 * $0 }
    plan.diskNeeded = (texts + plan.points) * embedder.dimension * MemoryLayout<Float>.stride
    return plan
  }

  /// What a request took on the average in the newest job of an embedder that has made any; `nil` without.
  private func requestSeconds(of embedder: Embedder) throws -> Double? {
    let jobs = try resources.queue.list(limit: 1_000).lazy.filter { $0.kind == ReindexJob.embeddingKind }
    for job in jobs {
      guard let report = JobInfo(job).embedding, report.embedder == embedder.name, report.requests > 0,
        let seconds = report.requestSeconds, seconds > 0
      else { continue }
      return seconds / Double(report.requests)
    }
    return nil
  }

  /// Checks all of a request that can be known before the job begins.
  func prepare(_ request: ReembedRequest) async throws -> (source: Collection, text: EmbeddingText) {
    let source = try aliases.resolveReady(request.source)
    guard source.parentID == nil else {
      throw MoultError(
        .invalidArgument,
        "'\(request.source)' is one vector field; give the collection, whose texts are embedded")
    }
    if let names = request.names {
      try Self.check(names)
      try check(names, in: aliases.current)
    }
    guard (0...EmbeddingStage.setAsideMax).contains(request.maximumSetAside) else {
      throw MoultError(
        .invalidArgument,
        "maximumSetAside must be in 0 … \(EmbeddingStage.setAsideMax), got \(request.maximumSetAside)")
    }
    guard (0...1).contains(request.minimumAgreement) else {
      throw MoultError(
        .invalidArgument, "minimumAgreement must be in 0 … 1, got \(request.minimumAgreement)")
    }
    try LabelledQuery.validate(request.labelledQueries)
    if let loss = request.maximumLabelledLoss {
      guard (0...1).contains(loss), !request.labelledQueries.isEmpty else {
        throw MoultError(
          .invalidArgument,
          "maximumLabelledLoss must be in 0 … 1, got \(loss), and is about labelledQueries: give both")
      }
      guard resources.embedders.embedder(ofCollection: source.id)?.isFile == false else {
        throw MoultError(
          .invalidArgument,
          "maximumLabelledLoss compares both models, and it is not known which made the vectors of '\(source.name)'; say "
            + "so with `moult embedder bind \(source.name) EMBEDDER`")
      }
    }
    let embedder = try resources.embedders.embedder(request.embedder)
    if let budget = request.budget {
      guard budget > 0, embedder.pricePerMillionTokens != nil else {
        throw MoultError(
          .invalidArgument,
          "a budget is greater than 0, got \(budget), and needs an embedder with a price per million tokens")
      }
    }
    try resources.embedderSource.source().check(embedder)
    let text = try EmbeddingText(
      EmbeddingText.Order(
        embedder: embedder, template: request.text, missing: request.missing,
        maximumSetAside: request.maximumSetAside, budget: request.budget,
        minimumAgreement: request.minimumAgreement, metric: request.metric,
        maximumLabelledLoss: request.maximumLabelledLoss, bridges: request.bridges))
    let first = try await resources.directory.read { db in
      try source.points.scanLive(afterRow: -1, limit: Self.previewPoints, payloads: true, in: db)
    }
    var reason: String?
    var hasText = first.isEmpty
    for point in first {
      switch text.text(of: point) {
      case .text: hasText = true
      case .none(let why):
        try text.requireText(point, why)
        reason = reason ?? "point '\(point.id)': \(why)"
      }
    }
    guard hasText else {
      throw MoultError(
        .invalidArgument,
        "none of the first \(first.count) points of '\(source.name)' has a text for '\(request.text ?? "")' "
          + "(\(reason ?? "")); look at the names in the template")
    }
    return (source, text)
  }
}

extension ReembedRequest {
  /// What it makes, as a reindex would.
  fileprivate var names: ReindexRequest? {
    target.map {
      ReindexRequest(
        source: source, target: $0, specification: specification, alias: alias, ifCurrent: ifCurrent)
    }
  }
}

extension ReindexJob {
  /// The embedder that a job uses; `nil` for jobs that use none.
  static func embedderName(of record: JobRecord) -> String? {
    (try? JSONDecoder().decode(Arguments.self, from: record.arguments))?.embedding?.embedder.name
  }
}
