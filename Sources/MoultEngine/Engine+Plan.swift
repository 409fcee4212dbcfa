import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// What a switch would take; starts nothing.
  ///
  /// - Throws: as `startSwitch`, but not for a lack of room: the plan says both what is needed and what there is.
  package func planSwitch(_ name: String, _ request: SwitchRequest) throws -> SwitchPlan {
    let collection = try aliases.resolveReady(name)
    try Self.check(request.specification, gate: request.gate, schema: collection.schema)
    return try plan(
      request.specification, gate: request.gate, limits: request.limits, of: collection, copiesVectors: false)
  }

  /// Refuses a job that could not end.
  ///
  /// - Throws: `invalidArgument` for limits out of range, or too little memory allowed to it; `diskFull` and `tooLarge`
  ///   where disk or memory of the machine have no room, with what is needed.
  /// - Returns: the limits to give to the job; `nil` for none.
  func preflight(
    _ specification: EncodingSpecification, gate: RecallGateRequest, limits: JobLimits,
    of collection: Collection,
    copiesVectors: Bool
  ) throws -> JobLimits? {
    let plan = try plan(
      specification, gate: gate, limits: limits, of: collection, copiesVectors: copiesVectors)
    guard plan.diskNeeded <= plan.diskFree else {
      throw MoultError(
        .diskFull,
        "the new files of '\(collection.name)' need up to \(SwitchMemory.mebibytes(plan.diskNeeded)) in "
          + "\(resources.directory.path), where \(SwitchMemory.mebibytes(plan.diskFree)) are free; make room, or take "
          + "a smaller form")
    }
    if let free = plan.memoryFree, plan.memoryNeeded > free {
      throw MoultError(
        .tooLarge,
        "the job needs up to \(SwitchMemory.mebibytes(plan.memoryNeeded)) of memory, and the machine has "
          + "\(SwitchMemory.mebibytes(free)) left; make room, or allow it less (--memory) to learn from fewer rows"
      )
    }
    return limits == JobLimits() ? nil : limits
  }

  private func plan(
    _ specification: EncodingSpecification, gate: RecallGateRequest, limits: JobLimits,
    of collection: Collection,
    copiesVectors: Bool
  ) throws -> SwitchPlan {
    try limits.validate()
    let snapshot = collection.snapshot
    let dimension = collection.schema.dimension
    let indexes =
      copiesVectors
      ? indexesOfCopy(specification, snapshot, dimension: dimension)
      : indexesOfSwitch(specification, snapshot)
    let memory = SwitchMemory(
      specification, schema: collection.schema, rows: snapshot.liveCount,
      indexRows: indexes.filter(\.mayBeMade).map(\.rows).max() ?? 0,
      queryCount: gate.queries.isEmpty
        ? max(
          RecentQueries.countMax,
          GateQueries.perturbedQueryCount(target: specification.targetRecall, k: gate.k))
        : gate.queries.count / dimension)
    let budget = limits.or(resources.configuration.jobLimits).memoryBytes
    let graph: GraphWork.Kind? =
      indexes.isEmpty ? nil : indexes.allSatisfy(\.isKept) ? .kept : .built
    let (seconds, basis) = prediction(of: collection, snapshot, buildsGraph: graph == .built)
    return SwitchPlan(
      rows: snapshot.liveCount, bytesPerVectorBefore: snapshot.live.encoder.bytesPerVector,
      bytesPerVectorAfter: specification.isIdentity
        ? collection.identityEncoder.bytesPerVector : specification.bytesPerVectorMax(dimension),
      graph: graph, trainingRows: try memory.trainingRows(within: budget),
      diskNeeded: diskNeeded(
        specification, snapshot, dimension: dimension, indexes: indexes, copiesVectors: copiesVectors),
      diskFree: try resources.directory.fileSystem.freeBytes(at: resources.directory.path),
      memoryNeeded: try memory.bytes(within: budget), memoryFree: FreeMemory.bytes,
      predictedSeconds: seconds, basis: basis)
  }

  /// The index of a segment in the form that is asked for.
  private struct PlannedIndex {
    var rows: Int
    /// Neither `flat` nor `automatic`.
    var kind: IndexSpecification
    /// The live generation has it.
    var isKept: Bool

    /// The gate may have graphs refined or built anew that were kept; lists are the same for any codes.
    var mayBeMade: Bool {
      if case .hnsw = kind { true } else { !isKept }
    }
  }

  private func indexesOfSwitch(
    _ specification: EncodingSpecification, _ snapshot: CollectionSnapshot
  ) -> [PlannedIndex] {
    snapshot.segments.compactMap { segment in
      let kind = specification.index.kind(rowCount: segment.count)
      guard segment.count > 0, kind != .flat else { return nil }
      return PlannedIndex(
        rows: segment.count, kind: kind,
        isKept: snapshot.live.specification.index.kind(rowCount: segment.count) == kind
          && snapshot.live.indexes[segment.id] != nil)
    }
  }

  /// A copy fills one segment after the other, whatever those of the source are.
  private func indexesOfCopy(
    _ specification: EncodingSpecification, _ snapshot: CollectionSnapshot, dimension: Int
  ) -> [PlannedIndex] {
    let rows = snapshot.liveCount
    let rowsMax = max(
      1,
      min(
        resources.configuration.segmentRowsMax,
        CollectionWriter.segmentBytesMax / (dimension * MemoryLayout<Float>.stride)))
    return stride(from: 0, to: rows, by: rowsMax).compactMap { first in
      let count = min(rowsMax, rows - first)
      let kind = specification.index.kind(rowCount: count)
      return kind == .flat ? nil : PlannedIndex(rows: count, kind: kind, isKept: false)
    }
  }

  private func diskNeeded(
    _ specification: EncodingSpecification, _ snapshot: CollectionSnapshot, dimension: Int,
    indexes: [PlannedIndex], copiesVectors: Bool
  ) -> Int {
    // Headers and checksums of a segment's files, the encoder's matrices, and the catalog with its log.
    var bytes = 16 << 20 + 16_384 * snapshot.segments.count + 12 * dimension * dimension
    let rows = copiesVectors ? snapshot.liveCount : snapshot.rowCount
    if !specification.isIdentity { bytes += rows * specification.bytesPerVectorMax(dimension) }
    if copiesVectors { bytes += rows * (4 * dimension + 64) }
    for index in indexes where !index.isKept {
      switch index.kind {
      case .hnsw(let m, _): bytes += index.rows * (4 * (2 * m) + 16)
      case .ivf(let wanted):
        let lists = SwitchMemory.listCount(wanted, rowCount: index.rows)
        // Lists are put into groups of 64, which have centroids too.
        bytes += 4 * (index.rows + (dimension + 2) * (lists + lists / 64 + 1))
      case .flat, .automatic: break
      }
    }
    return bytes
  }

  /// From the collection's own last switch: rows count, the code hardly.
  private func prediction(
    of collection: Collection, _ snapshot: CollectionSnapshot, buildsGraph: Bool
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
