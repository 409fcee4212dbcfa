import Foundation
import GRDB
import MoultCompute
import MoultJobs
package import MoultModel
import MoultStorage

extension Engine {
  /// Live, retained and building ones, newest first.
  package func generations(of name: String) throws -> [GenerationInfo] {
    let snapshot = try aliases.resolve(name).snapshot
    var generations = [snapshot.live.info(state: .live)]
    if let previous = snapshot.previous { generations.append(previous.info(state: .retained)) }
    if let building = snapshot.building { generations.append(building.info(state: .building)) }
    return generations.sorted { $0.id > $1.id }
  }

  /// Enqueues a switch of a live collection; the job does the rest.
  ///
  /// - Throws: `switchInProgress`, `invalidArgument` (dimensions out of range …), `unsupported` (too many of them),
  ///   `dimensionMismatch` (queries); `jobNotFound`, `jobStateConflict` (jobs to wait for).
  package func startSwitch(_ name: String, _ request: SwitchRequest) async throws -> JobInfo {
    let collection = try aliases.resolveReady(name)
    try collection.requireFirstField()
    return try await start(
      SwitchJob.kind, request, on: collection,
      SwitchJob.Arguments(
        collection: collection.id, specification: request.specification,
        minimumRecall: request.gate.minimumRecall, maximumLoss: request.gate.maximumLoss, k: request.gate.k,
        limits: nil)
    ) {}
  }

  /// - Throws: as `startSwitch`; `collectionExists`/`nameConflict` for the target's name or the alias.
  package func startReindex(_ request: ReindexRequest) async throws -> JobInfo {
    let source = try aliases.resolveReady(request.source)
    try Self.check(request)
    return try await start(
      ReindexJob.kind, request, on: source,
      ReindexJob.Arguments(
        source: source.id, target: request.target, alias: request.alias, ifCurrent: request.ifCurrent,
        specification: try Self.form(request.specification, ofCopyOf: source),
        minimumRecall: request.gate.minimumRecall, maximumLoss: request.gate.maximumLoss, k: request.gate.k,
        limits: nil)
    ) { [aliases] in try self.check(request, in: aliases.current) }
  }

  /// The names that a reindex is to make, by themselves.
  static func check(_ request: ReindexRequest) throws {
    try Name.validateQualified(request.target, what: "collection")
    if let alias = request.alias { try Name.validateQualified(alias, what: "alias") }
    if let alias = request.alias {
      try Name.requireSameDatabase(alias: alias, collection: request.target)
    }
    guard request.ifCurrent == nil || request.alias != nil else {
      throw MoultError(.invalidArgument, "ifCurrent is about the alias: give alias too")
    }
  }

  /// The same beside those that are there.
  func check(_ request: ReindexRequest, in map: AliasTable.Map) throws {
    if map.collections[request.target] != nil {
      throw MoultError(
        .collectionExists, "there is a collection '\(request.target)' already; choose another name")
    }
    if map.aliases[request.target] != nil {
      throw MoultError(
        .nameConflict, "there is an alias '\(request.target)': a collection needs a name of its own")
    }
    guard let alias = request.alias else { return }
    try Self.check(alias, pointsTo: map.aliases[alias], expected: request.ifCurrent)
    if map.collections[alias] != nil || alias == request.target {
      throw MoultError(.nameConflict, "'\(alias)' is the name of a collection and cannot be an alias too")
    }
  }

  /// Checks a request, finds the job that the same one has led to, or bills it and enqueues it.
  ///
  /// - Parameters:
  ///   - schema: of what is made, where it is not that of the collection.
  ///   - check: looked at in the transaction that enqueues.
  func start(
    _ kind: String, _ request: some FormRequest, on collection: Collection,
    schema: CollectionSchema? = nil, _ arguments: some LimitedArguments,
    precondition check: @escaping @Sendable () throws -> Void
  ) async throws -> JobInfo {
    try Self.check(request.specification, gate: request.gate, schema: schema ?? collection.schema)
    try Self.check(priority: request.priority, swapAt: request.swapAt)
    guard request.after.count <= 100 else {
      throw MoultError(.invalidArgument, "a job can wait for at most 100 others, got \(request.after.count)")
    }
    let digest = try Self.digest(kind, arguments, request)
    let options = JobQueue.Options(
      priority: request.priority,
      heldUntil: request.swapAt.map { Date(timeIntervalSince1970: Double($0) / 1_000) },
      requestedBy: Requester.name, after: request.after)
    if let same = try await repeated(digest, on: collection, options: options) { return same }
    var arguments = arguments
    arguments.limits = try preflight(request, of: collection, copiesVectors: ReindexJob.kinds.contains(kind))
    return try await enqueue(
      kind, on: collection, arguments: try Self.encoder.encode(arguments), digest: digest,
      options: options, precondition: check
    ) { id, db in
      try JobQueries.store(request.gate.queries, of: id, in: db)
      try JobQueries.store(request.labelledQueries, of: id, in: db)
    }
  }

  /// Makes the previous generation live again: a pointer move. The generation left becomes the previous one.
  ///
  /// - Parameter ifCurrent: do it only if that generation is live now (else `generationConflict`).
  /// - Throws: `nothingToRollBack`, `switchInProgress`.
  package func rollback(_ name: String, ifCurrent: Int64? = nil) async throws -> GenerationInfo {
    let collection = try aliases.resolveReady(name)
    let requester = Requester.name
    return try await collection.writers.run { [resources] in
      try await resources.writing.run {
        let snapshot = collection.snapshot
        if let ifCurrent, ifCurrent != snapshot.live.id {
          throw MoultError(
            .generationConflict,
            "'\(collection.name)' is answered by generation \(snapshot.live.id), not by \(ifCurrent); nothing was "
              + "changed")
        }
        guard snapshot.building == nil else {
          throw MoultError(
            .switchInProgress,
            "a switch of '\(collection.name)' is about to finish; wait for it or cancel it first")
        }
        if let previous = snapshot.previous {
          try snapshot.requireSound(previous, parallel: resources.searching.parallelFor)
        }
        let swap = try resources.directory.write { db in
          try self.ensureNoJob(on: collection, in: db)
          let record = try resources.directory.catalog.collection(collection.id, in: db)
          if let id = record.previousGeneration, snapshot.previous?.id != id {
            throw MoultError(
              .corrupted,
              "generation \(id) of '\(collection.name)' is damaged and cannot go live; nothing was changed. "
                + "`moult verify` says which file, `moult repair` makes it anew")
          }
          if record.previousGeneration == nil { try self.explainRetirement(of: collection, in: db) }
          let swap = try resources.directory.catalog.rollback(collection.id, in: db)
          try resources.directory.catalog.record(
            HistoryEntry(
              action: .generationRolledBack, name: collection.name, before: swap.previous?.label,
              after: swap.current.label, requestedBy: requester), in: db)
          return swap
        }
        guard var next = snapshot.previous, next.id == swap.current.id else {
          throw MoultError(
            .internalError,
            "the catalog and the open collection '\(collection.name)' disagree; restart the server")
        }
        next.publishedAt = swap.current.publishedAt
        var moved = snapshot
        moved.previous = snapshot.live
        moved.live = next
        collection.publish(moved)
        return next.info(state: .live)
      }
    }
  }

  /// - Throws: `nothingToRollBack` if the generation before the live one was kept no longer.
  private func explainRetirement(of collection: Collection, in db: Database) throws {
    let changes: [HistoryEntry.Action] = [.generationSwitched, .generationRolledBack, .generationRetired]
    let last = try resources.directory.catalog.history(of: collection.name, limit: 1_000, in: db)
      .first { changes.contains($0.action) }
    guard let last, last.action == .generationRetired else { return }
    let moment = Date(timeIntervalSince1970: Double(last.at) / 1_000).formatted(.iso8601)
    throw MoultError(
      .nothingToRollBack,
      "generation \(last.before ?? "") of '\(collection.name)' was given up at \(moment) "
        + "(\(last.requestedBy ?? "")); there is nothing to go back to. Switch to that form again")
  }

  /// What a request asks for, in short: form, gate and queries, not how fast or when.
  private static func digest(
    _ kind: String, _ arguments: some Encodable, _ request: some FormRequest
  ) throws -> String {
    var hash = ContentHash()
    hash.combine(kind.utf8)
    hash.combine(try encoder.encode(arguments))
    request.gate.queries.withUnsafeBytes { hash.combine($0) }
    if !request.labelledQueries.isEmpty { hash.combine(try encoder.encode(request.labelledQueries)) }
    // Not the same as the job that it is to come after.
    if !request.after.isEmpty { hash.combine("after \(request.after.sorted())".utf8) }
    return hash.text
  }

  /// The job that the same request has led to already, asked again when and how urgently to go live.
  private func repeated(
    _ digest: String, on collection: Collection, options: JobQueue.Options
  ) async throws -> JobInfo? {
    try await resources.directory.write { db in
      try self.repeated(digest, on: collection, options: options, in: db)
    }
  }

  private func repeated(
    _ digest: String, on collection: Collection, options: JobQueue.Options, in db: Database
  ) throws -> JobInfo? {
    let version = try resources.directory.catalog.collection(collection.id, in: db).nextSequence
    guard let same = try job(askedFor: digest, version: version, in: db) else { return nil }
    if !same.state.isFinal {
      if let until = options.heldUntil { try resources.queue.hold(same.id, until: until, in: db) }
      if options.priority != 0 { try resources.queue.setPriority(options.priority, of: same.id, in: db) }
    }
    return JobInfo(try resources.queue.record(same.id, in: db))
  }

  private func enqueue(
    _ kind: String, on collection: Collection, arguments: Data, digest: String,
    options: JobQueue.Options, precondition check: @escaping @Sendable () throws -> Void,
    beside store: @escaping @Sendable (_ job: Int64, Database) throws -> Void
  ) async throws -> JobInfo {
    try await resources.directory.write { [resources] db in
      var options = options
      let version = try resources.directory.catalog.collection(collection.id, in: db).nextSequence
      options.content = .init(hash: digest, version: version)
      // Asked for twice at the same time.
      if let same = try self.repeated(digest, on: collection, options: options, in: db) { return same }
      try self.ensureNoJob(on: collection, but: options.after, in: db)
      try check()
      let id = try self.translatingJobErrors {
        try resources.queue.enqueue(
          in: db, kind: kind, subject: collection.name, arguments: arguments, options: options)
      }
      try store(id, db)
      return JobInfo(try resources.queue.record(id, in: db))
    }
  }

  /// Members in one order, so that equal requests have equal bytes.
  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return encoder
  }()

  /// The job that a request has led to already: one that is at work, or one whose outcome still stands, with nothing
  /// written since it was asked for.
  private func job(askedFor digest: String, version: Int64, in db: Database) throws -> JobRecord? {
    guard let job = try resources.queue.newest(contentHash: digest, in: db) else { return nil }
    if !job.state.isFinal { return job }
    guard job.state == .completed, job.contentVersion == version, let data = job.result,
      let result = try? JSONDecoder().decode(SwitchJob.Result.self, from: data)
    else { return nil }
    let current = try resources.directory.catalog.collections(in: db).first {
      $0.currentGeneration == result.generation && $0.state == .live
    }
    guard let current else { return nil }
    // What a reindex has made must still bear its alias.
    guard ReindexJob.kinds.contains(job.kind) else { return job }
    let arguments = try JSONDecoder().decode(ReindexJob.Arguments.self, from: job.arguments)
    let target = try arguments.alias.map {
      try resources.directory.catalog.alias(named: $0, in: db)?.collectionID
    }
    return target == nil || target == current.id ? job : nil
  }

  static func check(
    _ specification: EncodingSpecification, gate: RecallGateRequest, schema: CollectionSchema
  ) throws {
    try check(specification, schema: schema)
    guard (0...1).contains(gate.minimumRecall) else {
      throw MoultError(.invalidArgument, "minimumRecall must be in 0 … 1, got \(gate.minimumRecall)")
    }
    if let loss = gate.maximumLoss, !(0...1).contains(loss) {
      throw MoultError(.invalidArgument, "maximumLoss must be in 0 … 1, got \(loss)")
    }
    guard (1...1_000).contains(gate.k) else {
      throw MoultError(.invalidArgument, "k must be in 1 … 1000, got \(gate.k)")
    }
    guard !gate.queries.isEmpty else { return }
    guard gate.dimension == schema.dimension, gate.queries.count % schema.dimension == 0 else {
      throw MoultError(
        .dimensionMismatch,
        "the gate's queries must be \(schema.dimension)-dimensional, as the collection is; got "
          + "\(gate.queries.count) numbers as \(gate.dimension)-dimensional queries")
    }
    guard gate.queries.count / schema.dimension <= 10_000 else {
      throw MoultError(
        .invalidArgument, "at most 10000 queries for the gate, got \(gate.queries.count / schema.dimension)")
    }
    try PointValidation.checkQueries(gate.queries, schema: schema)
  }

  /// - Throws: `invalidArgument` naming the member that is out of range, `unsupported` for what cannot be learned
  ///   in the collection's dimension.
  static func check(_ specification: EncodingSpecification, schema: CollectionSchema) throws {
    if let dimensions = specification.dimensions {
      guard (1...schema.dimension).contains(dimensions) else {
        throw MoultError(
          .invalidArgument,
          "dimensions must be in 1 … \(schema.dimension) (the collection's), got \(dimensions)")
      }
      guard specification.transform != .none else {
        throw MoultError(
          .invalidArgument,
          "fewer dimensions need a transform: prefix (Matryoshka models) or pca (any model)")
      }
    } else if specification.transform == .prefix {
      throw MoultError(.invalidArgument, "the transform prefix needs dimensions: how many to keep")
    }
    if case .ivf(let lists?) = specification.index, !IndexSpecification.listsRange.contains(lists) {
      throw MoultError(
        .invalidArgument,
        "ivf takes lists in 1 … \(IndexSpecification.listsRange.upperBound), got \(lists); without, 4·√rows")
    }
    if case .hnsw(let m, let efConstruction) = specification.index {
      guard (2...256).contains(m), (1...10_000).contains(efConstruction) else {
        throw MoultError(
          .invalidArgument,
          "hnsw takes m in 2 … 256 and efConstruction in 1 … 10000, got \(m) and \(efConstruction)")
      }
    }
    if let oversampling = specification.oversampling { try check(oversampling: oversampling) }
    if let target = specification.targetRecall { try check(targetRecall: target, of: specification) }
    try VectorEncoder.validate(specification, dimension: schema.dimension)
  }

  private static func check(targetRecall: Double, of specification: EncodingSpecification) throws {
    guard EncodingSpecification.targetRecallRange.contains(targetRecall) else {
      throw MoultError(
        .invalidArgument,
        "targetRecall must be at least 0.5 and below 1, got \(targetRecall); searches with 'exact' have recall 1"
      )
    }
    guard specification.oversampling == nil else {
      throw MoultError(
        .invalidArgument, "targetRecall finds its own oversampling; give one of the two, not both")
    }
    guard !specification.isIdentity else {
      throw MoultError(
        .invalidArgument,
        "full precision needs no rescoring; give targetRecall with a quantization or transform")
    }
  }
}
