import MoultCompute
import MoultModel
import MoultStorage

/// What another form of a collection takes: disk, memory, time.
struct SwitchBill: Sendable {
  let resources: EngineResources
  let collection: Collection
  let specification: EncodingSpecification
  /// A reindex writes the rows too.
  let copiesVectors: Bool

  private var dimension: Int { collection.schema.dimension }

  /// The index of a segment in the form that is asked for.
  private struct PlannedIndex {
    var rows: Int
    /// Neither `flat` nor `automatic`.
    var kind: IndexSpecification
    /// The live generation has it, so large; `nil` where it has to be made.
    var keptBytes: Int?

    var isKept: Bool { keptBytes != nil }

    /// The gate may have graphs refined or built anew that were kept; lists are the same for any codes.
    var mayBeMade: Bool {
      if case .hnsw = kind { true } else { !isKept }
    }

    func bytes(_ dimension: Int) -> Int {
      keptBytes ?? DiskNeed.index(kind, rows: rows, dimension: dimension)
    }
  }

  /// - Throws: `invalidArgument` for limits out of range, or too little memory allowed.
  func plan(gate: RecallGateRequest, limits: JobLimits) throws -> SwitchPlan {
    try limits.validate()
    let snapshot = collection.snapshot
    let (sizes, indexes) = try indexes(snapshot)
    let memory = memory(
      indexRows: indexes.filter(\.mayBeMade).map(\.rows).max() ?? 0,
      queryCount: gate.queries.isEmpty
        ? max(
          RecentQueries.countMax,
          GateQueries.perturbedQueryCount(target: specification.targetRecall, k: gate.k))
        : gate.queries.count / dimension)
    let budget = limits.or(resources.configuration.jobLimits).memoryBytes
    let graph: GraphWork.Kind? =
      indexes.isEmpty ? nil : indexes.allSatisfy(\.isKept) ? .kept : .built
    let (seconds, basis) = prediction(snapshot, buildsGraph: graph == .built)
    let rows = copiesVectors ? snapshot.liveCount : snapshot.rowCount
    let vectors = 4 * dimension
    return SwitchPlan(
      rows: snapshot.liveCount, bytesPerVectorBefore: snapshot.live.encoder.bytesPerVector,
      bytesPerVectorAfter: specification.isIdentity
        ? collection.identityEncoder.bytesPerVector : specification.bytesPerVectorMax(dimension),
      graph: graph, trainingRows: try memory.trainingRows(within: budget),
      diskNeeded: diskNeeded(snapshot, indexes),
      diskFree: try resources.directory.fileSystem.freeBytes(at: resources.directory.path),
      memoryNeeded: try memory.bytes(within: budget), memoryFree: FreeMemory.bytes,
      predictedSeconds: seconds, basis: basis,
      tiers: [
        .init(kind: .vectors, before: snapshot.rowCount * vectors, after: rows * vectors),
        .init(
          kind: .codes,
          before: snapshot.live.specification.isIdentity
            ? 0 : snapshot.rowCount * snapshot.live.encoder.bytesPerVector,
          after: DiskNeed.codes(specification, rows: rows, dimension: dimension)),
        .init(
          kind: .index, before: sizes.values.reduce(0, +),
          after: indexes.reduce(0) { $0 + $1.bytes(dimension) }),
      ],
      reused: reused(indexes))
  }

  private func reused(_ indexes: [PlannedIndex]) -> [String] {
    guard !copiesVectors else { return [] }
    let kept = indexes.count(where: \.isKept)
    return ["the vectors in full precision"]
      + (kept == 0
        ? [] : ["the indexes of \(kept) of \(indexes.count) segments, unless the gate finds them at fault"])
  }

  /// - Parameter limits: the memory that the job may take.
  /// - Throws: `invalidArgument` with what is needed, when that is too little.
  func checkMemory(_ limits: JobLimits) throws {
    _ = try memory(indexRows: 0, queryCount: 0).trainingRows(within: limits.memoryBytes)
  }

  private func memory(indexRows: Int, queryCount: Int) -> SwitchMemory {
    SwitchMemory(
      specification, schema: collection.schema, rows: collection.snapshot.liveCount, indexRows: indexRows,
      queryCount: queryCount, usesDevice: resources.configuration.device.device != nil)
  }

  // MARK: Indexes

  /// - Returns: bytes of the live generation's index files by segment, and the indexes of the new form.
  private func indexes(_ snapshot: CollectionSnapshot) throws -> ([Int64: Int], [PlannedIndex]) {
    let directory = resources.directory
    let records = try directory.read { db in
      try directory.catalog.generationSegments(of: snapshot.live.id, in: db)
    }
    var sizes: [Int64: Int] = [:]
    for record in records {
      guard let file = record.graphFile else { continue }
      sizes[record.segmentID] = try directory.fileSystem.size(atPath: directory.absolutePath(file))
    }
    if copiesVectors { return (sizes, indexesOfCopy(rows: snapshot.liveCount)) }
    let planned = snapshot.segments.compactMap { segment -> PlannedIndex? in
      let kind = specification.index.kind(rowCount: segment.count)
      guard segment.count > 0, kind != .flat else { return nil }
      let isKept =
        snapshot.live.specification.index.kind(rowCount: segment.count) == kind
        && snapshot.live.indexes[segment.id] != nil
      return PlannedIndex(rows: segment.count, kind: kind, keptBytes: isKept ? sizes[segment.id] ?? 0 : nil)
    }
    return (sizes, planned)
  }

  /// A copy fills one segment after the other, whatever those of the source are.
  private func indexesOfCopy(rows: Int) -> [PlannedIndex] {
    let rowsMax = CollectionWriter.segmentCapacity(
      rowsMax: resources.configuration.segmentRowsMax, dimension: dimension)
    return stride(from: 0, to: rows, by: rowsMax).compactMap { first in
      let count = min(rowsMax, rows - first)
      let kind = specification.index.kind(rowCount: count)
      return kind == .flat ? nil : PlannedIndex(rows: count, kind: kind, keptBytes: nil)
    }
  }

  // MARK: Disk

  private func diskNeeded(_ snapshot: CollectionSnapshot, _ indexes: [PlannedIndex]) -> Int {
    let rows = copiesVectors ? snapshot.liveCount : snapshot.rowCount
    // The encoder's matrices beside what is counted by rows.
    return DiskNeed.least + DiskNeed.perSegment * snapshot.segments.count + 12 * dimension * dimension
      + DiskNeed.codes(specification, rows: rows, dimension: dimension)
      + (copiesVectors ? DiskNeed.vectors(rows, dimension) : 0)
      + indexes.filter { !$0.isKept }.reduce(0) { $0 + $1.bytes(dimension) }
  }

  /// What is left of it for a job that has begun.
  ///
  /// - Parameters:
  ///   - generation: files of it are there already.
  ///   - others: bytes of other files that are there already.
  func diskNeeded(whenGenerationHasBegun generation: Int64?, beside others: Int = 0) throws -> Int {
    let (directory, snapshot) = (resources.directory, collection.snapshot)
    let records = try generation.map { generation in
      try directory.read { db in try directory.catalog.generationSegments(of: generation, in: db) }
    }
    let files = (records ?? []).flatMap { record in
      // An index that is kept is no new file.
      [record.codesFile, snapshot.live.indexes[record.segmentID] == nil ? record.graphFile : nil]
    }.compactMap { $0 }
    let written = try files.reduce(others) {
      $0 + (try directory.fileSystem.size(atPath: directory.absolutePath($1)) ?? 0)
    }
    return max(DiskNeed.least, diskNeeded(snapshot, try indexes(snapshot).1) - written)
  }

  // MARK: Time

  /// From the collection's own last switch: rows count, the code hardly.
  private func prediction(
    _ snapshot: CollectionSnapshot, buildsGraph: Bool
  ) -> (seconds: Double?, basis: String) {
    let reports = [snapshot.live, snapshot.previous].compactMap { generation in
      generation?.report.map { (generation!.specification.quantization.rawValue, $0) }
    }
    let known = reports.first { _, report in
      report.rows > 0 && (!buildsGraph || report.graph?.kind == .built || report.graph?.kind == .rebuilt)
    }
    guard let (code, report) = known else {
      return (
        nil,
        reports.isEmpty
          ? "nothing was measured on this collection yet" : "no graph was built for this collection yet"
      )
    }
    let growth = Double(snapshot.liveCount) / Double(report.rows)
    let graphSeconds = buildsGraph ? report.indexSeconds * growth : 0
    return (
      report.trainSeconds + (report.encodeSeconds + report.verifySeconds) * growth + graphSeconds,
      "the switch to \(code) of \(report.rows) rows"
    )
  }
}
