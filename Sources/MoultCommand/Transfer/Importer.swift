internal import MoultFiles
internal import MoultModel

/// Sends files to a collection, a few requests at a time.
struct Importer {
  /// What an import did.
  struct Report: Codable, Sendable, Equatable {
    var collection: String
    var rows: Int
    var dimension: Int
    var created: Bool
    var seconds: Double
    var rowsPerSecond: Double
  }

  let client: AdminClient
  let source: ImportSource
  var rowsPerRequest = 2000
  var showsProgress = true
  /// Lets indexes and merges wait until all rows are there.
  var isBulk = false

  /// Requests under way at the same time: one is read, one is written, one is on the way.
  private static let requestsMax = 3

  /// Checks the files, makes the collection when it is missing, and sends all rows.
  ///
  /// An alias is resolved once: all rows go to the collection that it names now, wherever it moves meanwhile.
  ///
  /// - Parameters:
  ///   - name: of a collection or alias.
  ///   - metric: of a collection that is made; an existing one must have it, if it is given.
  func run(into name: String, metric: Metric?) async throws -> Report {
    let existing = try await client.collectionIfPresent(name)
    let target = existing?.name ?? name
    if let existing { try check(existing, metric: metric) }
    let keyKind = try source.check(metric: existing?.schema.metric ?? metric ?? .cosine)
    if let existing, ![keyKind, .mixed].contains(existing.schema.keyKind) {
      throw MoultError(
        .invalidArgument,
        "collection '\(target)' has keys of type \(existing.schema.keyKind.rawValue), the files have "
          + keyKind.rawValue)
    }
    if existing == nil {
      _ = try await client.createCollection(
        CreateCollectionRequest(
          name: name, dimension: source.vectors.dimension, metric: metric ?? .cosine, keyKind: keyKind,
          elementType: source.vectors.elementType))
    }
    let clock = ContinuousClock()
    let start = clock.now
    do {
      if isBulk {
        try await client.inBulk(target) { try await send(to: target) }
      } else {
        try await send(to: target)
      }
    } catch let failure as CommandFailure {
      // Rows are upserted, so the same command completes what this one began.
      var failure = failure
      failure.message += " (part of the rows of '\(target)' may be stored)"
      if failure.status == .unreachable {
        failure.next = "when the server is back, repeat the command: rows are replaced, not doubled"
      }
      throw failure
    }
    let seconds = (clock.now - start).inSeconds
    return Report(
      collection: target, rows: source.vectors.rowCount, dimension: source.vectors.dimension,
      created: existing == nil, seconds: seconds,
      rowsPerSecond: seconds > 0 ? Double(source.vectors.rowCount) / seconds : 0)
  }

  private func check(_ existing: CollectionInfo, metric: Metric?) throws {
    let schema = existing.schema
    guard schema.dimension == source.vectors.dimension else {
      throw MoultError(
        .dimensionMismatch,
        "collection '\(existing.name)' stores \(schema.dimension)-dimensional vectors; "
          + "'\(source.vectors.path)' has \(source.vectors.dimension)")
    }
    if let metric, metric != schema.metric {
      throw MoultError(
        .invalidArgument,
        "collection '\(existing.name)' uses the metric \(schema.metric.rawValue), not \(metric.rawValue)")
    }
    if schema.elementType == .float16 && source.vectors.elementType == .float32 {
      throw MoultError(
        .invalidArgument,
        "collection '\(existing.name)' is exported as float16; '\(source.vectors.path)' is float32 and would "
          + "not come back bit for bit")
    }
  }

  private func send(to name: String) async throws {
    var batches = try source.batches(of: rowsPerRequest)
    let total = source.vectors.rowCount
    let elementType = source.vectors.elementType
    let clock = ContinuousClock()
    let start = clock.now
    var bar = ProgressBar()
    defer { bar.clear() }
    try await withThrowingTaskGroup(of: Int.self) { group in
      var done = 0
      var underWay = 0
      func settleOne() async throws {
        guard let rows = try await group.next() else { return }
        underWay -= 1
        done += rows
        if showsProgress {
          let rate = Double(done) / max((clock.now - start).inSeconds, 1e-6)
          bar.show(
            phase: "import \(name)", done: Int64(done), total: Int64(total), rowsPerSecond: rate,
            etaSeconds: Double(total - done) / rate)
        }
      }
      while let batch = try batches.nextBatch() {
        if underWay == Self.requestsMax { try await settleOne() }
        underWay += 1
        group.addTask {
          try await client.upsert(batch, elementType: elementType, to: name)
          return batch.count
        }
      }
      while underWay > 0 { try await settleOne() }
    }
  }
}
