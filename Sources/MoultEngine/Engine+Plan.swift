package import MoultModel
import MoultStorage

extension Engine {
  /// What a switch would take; starts nothing.
  ///
  /// - Throws: as `startSwitch`, but not for a lack of room: the plan says both what is needed and what there is.
  package func planSwitch(_ name: String, _ request: SwitchRequest) async throws -> SwitchPlan {
    let collection = try aliases.resolveReady(name)
    try collection.requireFirstField()
    return try await plan(request, of: collection, copiesVectors: false)
  }

  /// What a reindex would take; starts nothing.
  ///
  /// - Throws: as `startReindex`, but not for a lack of room.
  package func planReindex(_ request: ReindexRequest) async throws -> SwitchPlan {
    let source = try aliases.resolveReady(request.source)
    try Self.check(request)
    try check(request, in: aliases.current)
    _ = try Self.form(request.specification, ofCopyOf: source)
    return try await plan(request, of: source, copiesVectors: true)
  }

  private func plan(
    _ request: some FormRequest, of collection: Collection, copiesVectors: Bool
  ) async throws -> SwitchPlan {
    try Self.check(request.specification, gate: request.gate, schema: collection.schema)
    var plan = try bill(request, of: collection, copiesVectors: copiesVectors)
    let outcome = try await resources.background.run { [resources, request, plan] in
      let snapshot = collection.snapshot
      return try RecallPreview(
        snapshot: snapshot, schema: collection.schema, identity: collection.identityEncoder,
        specification: request.specification,
        queries: GateQueries(
          given: request.gate.queries, recent: collection.recentQueries, snapshot: snapshot, target: nil,
          k: request.gate.k, seed: 1),
        k: request.gate.k, trainingRows: plan.trainingRows, parallel: resources.background.parallelFor
      ).run(seed: 1)
    }
    guard let outcome else { return plan }
    plan.recall = outcome.recall
    if plan.predictedSeconds == nil, plan.graph != .built, !copiesVectors {
      let queries =
        request.gate.queries.isEmpty
        ? GateQueries.perturbedQueryCount(target: request.specification.targetRecall, k: request.gate.k)
        : request.gate.queries.count / request.gate.dimension
      let rows = Double(plan.rows)
      plan.predictedSeconds =
        outcome.trainSeconds + outcome.encodeSecondsPerRow * rows
        + outcome.exactSecondsPerPair * rows * Double(queries)
      plan.basis = "learning, encoding and exact search of \(outcome.recall.rows) rows just now"
    }
    return plan
  }

  private func bill(
    _ request: some FormRequest, of collection: Collection, copiesVectors: Bool
  ) throws -> SwitchPlan {
    try SwitchBill(
      resources: resources, collection: collection, specification: request.specification,
      copiesVectors: copiesVectors
    ).plan(gate: request.gate, limits: request.limits)
  }

  /// Refuses a job that could not end.
  ///
  /// - Throws: `invalidArgument` for limits out of range, or too little memory allowed to it; `diskFull` and `tooLarge`
  ///   where disk or memory of the machine have no room, with what is needed.
  /// - Returns: the limits to give to the job; `nil` for none.
  func preflight(
    _ request: some FormRequest, of collection: Collection, copiesVectors: Bool
  ) throws -> JobLimits? {
    let plan = try bill(request, of: collection, copiesVectors: copiesVectors)
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
    return request.limits == JobLimits() ? nil : request.limits
  }
}
