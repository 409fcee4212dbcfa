import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Asks two collections or vector fields the same queries: what each finds of its own exact answer and of what it
  /// should, how much both have in common, and how long it takes.
  ///
  /// Each query is answered by A and B in turn, so that both meet the same load, and exactly on the same state of the
  /// collection, so that writes meanwhile do not look like misses. None of it counts as a search that was asked for.
  ///
  /// With a threshold it is a verdict, which the history keeps.
  ///
  /// - Throws: `invalidArgument` for counts out of range, sides that take no such queries, and recent queries where there
  ///   are none or the models differ; `collectionNotReady` for a verdict on a field that is still being filled;
  ///   `generationConflict` when a side is switched meanwhile; as ``search(_:in:)`` and,
  ///   with texts, ``search(texts:ofModel:_:in:)``.
  package func compare(_ request: ComparisonRequest) async throws -> Comparison {
    guard (1...ComparisonRequest.kMax).contains(request.k) else {
      throw MoultError(.invalidArgument, "k must be in 1 … \(ComparisonRequest.kMax), got \(request.k)")
    }
    // Of a whole collection what is searched where no field is named.
    let map = aliases.current
    let (a, b) = (try map.searched(request.a), try map.searched(request.b))
    for side in [a, b] { try side.requireFirstField() }
    try Self.checkThresholds(of: request)
    let lacking = request.isVerdict ? [a, b].compactMap { resources.lacking($0) } : []
    if let lacking = lacking.first {
      throw MoultError(.collectionNotReady, lacking + ". A verdict is given when it is filled")
    }
    let (queriesOfA, queriesOfB) = try await vectors(of: request.queries, a, b)
    let count = queriesOfA.count / a.schema.dimension
    guard (1...ComparisonRequest.countMax).contains(count), queriesOfB.count == count * b.schema.dimension,
      queriesOfA.count == count * a.schema.dimension
    else {
      throw MoultError(
        .invalidArgument,
        "expected 1 … \(ComparisonRequest.countMax) queries of \(a.schema.dimension) dimensions for '\(a.name)' and as many "
          + "of \(b.schema.dimension) for '\(b.name)', got \(queriesOfA.count) and \(queriesOfB.count) numbers"
      )
    }
    if let relevant = request.relevant, relevant.count != count {
      throw MoultError(.invalidArgument, "\(relevant.count) lists of relevant points for \(count) queries")
    }
    var one = ComparedSide(a, queriesOfA, k: request.k)
    var other = ComparedSide(b, queriesOfB, k: request.k)
    for query in 0..<count {
      if query.isMultiple(of: 2) {
        try await ask(query, &one)
        try await ask(query, &other)
      } else {
        try await ask(query, &other)
        try await ask(query, &one)
      }
    }
    var comparison = Self.comparison(one, other, request.relevant, k: request.k)
    guard request.isVerdict else { return comparison }
    let verdict = Self.verdict(on: comparison, request)
    let requester = Requester.name
    try await resources.directory.write { [resources] db in
      try resources.directory.catalog.record(
        HistoryEntry(
          action: verdict.passed ? .comparisonPassed : .comparisonFailed, name: a.name,
          after: b.name, detail: verdict.measured, requestedBy: requester), in: db)
    }
    comparison.verdict = verdict
    return comparison
  }

  private static func checkThresholds(of request: ComparisonRequest) throws {
    for (name, value) in [
      ("minimumOverlap", request.minimumOverlap), ("maximumLoss", request.maximumLoss),
    ] {
      guard let value else { continue }
      guard (0...1).contains(value) else {
        throw MoultError(.invalidArgument, "\(name) must be in 0 … 1, got \(value)")
      }
    }
    guard request.maximumLoss == nil || request.relevant != nil else {
      throw MoultError(
        .invalidArgument, "maximumLoss is about the points that queries should find: give 'relevant' too")
    }
  }

  private static func verdict(
    on comparison: Comparison, _ request: ComparisonRequest
  ) -> Comparison.Verdict {
    let rounded = { (value: Double) in (value * 10_000).rounded() / 10_000 }
    var passed = true
    var measured: [String] = []
    if let minimum = request.minimumOverlap {
      passed = comparison.overlap.mean >= minimum
      measured.append(
        "\(rounded(comparison.overlap.mean)) of \(comparison.k) hits in common, expected \(minimum)")
    }
    if let maximum = request.maximumLoss, let found = comparison.foundDifference {
      passed = passed && found.lower >= -maximum
      measured.append(
        "found of what it should changes by \(rounded(found.mean)) [\(rounded(found.lower)) … \(rounded(found.upper))], "
          + "expected to fall by no more than \(maximum)")
    }
    return Comparison.Verdict(
      passed: passed,
      measured: measured.joined(separator: "; ") + "; \(comparison.queryCount) queries")
  }

  private func ask(_ query: Int, _ side: inout ComparedSide) async throws {
    let snapshot = side.collection.snapshot
    guard snapshot.live.id == side.servedBy.generation else {
      throw MoultError(
        .generationConflict, "'\(side.collection.name)' was switched while it was compared; compare again")
    }
    var request = side.request(query)
    let start = ContinuousClock.now
    let answer = try await search(request, in: side.collection, measured: snapshot)
    side.seconds.append(start.secondsToNow)
    side.found.append(answer.hits[0].map(\.id))
    request.exact = true
    side.truth += try await search(request, in: side.collection, measured: snapshot).hits.map { $0.map(\.id) }
  }

  private func vectors(
    of queries: ComparisonRequest.Queries, _ a: Collection, _ b: Collection
  ) async throws -> ([Float], [Float]) {
    switch queries {
    case .vectors(let ofA, let ofB): return (ofA, ofB)
    case .texts(let texts):
      guard (1...ComparisonRequest.countMax).contains(texts.count) else {
        throw MoultError(
          .invalidArgument, "expected 1 … \(ComparisonRequest.countMax) texts, got \(texts.count)")
      }
      return (try await vectors(of: texts, for: a), try await vectors(of: texts, for: b))
    case .recent(let count):
      let embedders = [a, b].map { resources.embedders.embedder(ofCollection: $0.id)?.name }
      guard a.schema.dimension == b.schema.dimension, embedders[0] == embedders[1] else {
        throw MoultError(
          .invalidArgument,
          "recent queries of '\(a.name)' are vectors of its model, and '\(b.name)' is of another; compare with texts, or with "
            + "the queries of both models")
      }
      guard count >= 1 else {
        throw MoultError(.invalidArgument, "'recent' must be at least 1, got \(count)")
      }
      let recent = a.recentQueries.distinct().suffix(
        min(count, ComparisonRequest.countMax) * a.schema.dimension)
      guard !recent.isEmpty else {
        throw MoultError(
          .invalidArgument, "nothing was searched for in '\(a.name)' since the server began; give queries")
      }
      return (Array(recent), Array(recent))
    }
  }

  private func vectors(of texts: [String], for collection: Collection) async throws -> [Float] {
    try await QueryEmbedding(try embedder(ofTextsFor: collection), resources).vectors(of: texts).flatMap {
      $0
    }
  }

  private static func comparison(
    _ a: ComparedSide, _ b: ComparedSide, _ relevant: [[PointID]]?, k: Int
  ) -> Comparison {
    var numbers = PointNumbers()
    let (foundByA, foundByB) = (numbers.of(a.found), numbers.of(b.found))
    let (truthOfA, truthOfB) = (numbers.of(a.truth), numbers.of(b.truth))
    let recallOfA = Recall.perQuery(found: foundByA, truth: truthOfA, k: k)
    let recallOfB = Recall.perQuery(found: foundByB, truth: truthOfB, k: k)
    let wanted = relevant.map { numbers.of($0) }
    let most = wanted?.map(\.count).max() ?? 0
    // Of the relevant, however many there are, those among the first k hits.
    let foundOf = { (found: [[Int64]]) in
      wanted.map { Recall.perQuery(found: found, truth: $0, k: max(k, most)) }
    }
    let (labelsOfA, labelsOfB) = (foundOf(foundByA), foundOf(foundByB))
    let overlaps = Recall.perQuery(found: foundByB, truth: foundByA, k: k)
    let agreements = zip(foundByA, foundByB).compactMap { RankAgreement.tau($0, $1) }
    let differences = overlaps.enumerated().filter { $1.wanted > 0 && $1.hits < $1.wanted }
      .map { Comparison.Difference(query: $0, overlap: Double($1.hits) / Double($1.wanted)) }
      .sorted { ($0.overlap, $0.query) < ($1.overlap, $1.query) }
    return Comparison(
      k: k, queryCount: a.queryCount,
      a: a.side(recall: recallOfA, labels: labelsOfA, k: k),
      b: b.side(recall: recallOfB, labels: labelsOfB, k: k),
      overlap: Recall.estimate(overlaps, k: k),
      rankCorrelation: agreements.isEmpty ? nil : agreements.reduce(0, +) / Double(agreements.count),
      recallDifference: Recall.pairedDifference(new: recallOfB, old: recallOfA, k: k),
      foundDifference: labelsOfA.flatMap { a in
        labelsOfB.map { Recall.pairedDifference(new: $0, old: a, k: most) }
      },
      differences: Array(differences.prefix(10)))
  }
}

/// One of the two that are compared, and what it has answered.
private struct ComparedSide {
  let collection: Collection
  let queries: [Float]
  let k: Int
  var found: [[PointID]] = []
  var truth: [[PointID]] = []
  var seconds: [Double] = []
  let servedBy: ServedBy

  init(_ collection: Collection, _ queries: [Float], k: Int) {
    self.collection = collection
    self.queries = queries
    self.k = k
    servedBy = collection.servedBy(collection.snapshot)
  }

  var dimension: Int { collection.schema.dimension }
  var queryCount: Int { queries.count / dimension }

  func request(_ query: Int) -> SearchRequest {
    SearchRequest(
      queries: Array(queries[query * dimension..<(query + 1) * dimension]), dimension: dimension, limit: k)
  }

  func side(recall: [QueryRecall], labels: [QueryRecall]?, k: Int) -> Comparison.Side {
    let sorted = seconds.sorted()
    let percentile = { (share: Double) in
      sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] * 1_000
    }
    return Comparison.Side(
      servedBy: servedBy, recall: Recall.estimate(recall, k: k),
      found: labels.map { Recall.estimate($0, k: k) }, p50Milliseconds: percentile(0.5),
      p99Milliseconds: percentile(0.99))
  }
}

/// A number for each point, whatever its key is: the same for the same.
private struct PointNumbers {
  private var numbers: [PointID: Int64] = [:]

  mutating func of(_ lists: [[PointID]]) -> [[Int64]] {
    lists.map { list in
      list.map { id in
        if let number = numbers[id] { return number }
        let number = Int64(numbers.count)
        numbers[id] = number
        return number
      }
    }
  }
}
