internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  func addGenerationRoutes(to group: GuardedRoutes) {
    group.on(.get, "collections/{name}/generations", .read) { _, context in
      let name = try context.pathPart("name")
      let info = try engine.describeCollection(name)
      return try Self.answer(
        ["generations": try engine.generations(of: info.name)],
        servedBy: ServedBy(collection: info.name, generation: info.generation.id))
    }
    group.on(.post, "collections/{name}/switch", .write) { request, context in
      let name = try context.pathPart("name")
      let job = try await engine.startSwitch(name, try await switchRequest(of: request, name))
      return try Self.answer(job, status: .accepted)
    }
    group.on(.post, "collections/{name}/switch/plan", .read) { request, context in
      let name = try context.pathPart("name")
      return try Self.answer(try await engine.planSwitch(name, try await switchRequest(of: request, name)))
    }
    group.on(.post, "collections/{name}/rollback", .write) { request, context in
      let name = try context.pathPart("name")
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["ifCurrent", "force"])
      let (collection, live) = try await engine.goBack(
        name, ifCurrent: try fields.int("ifCurrent").map { Int64($0) },
        force: try fields.bool("force") ?? false)
      return try Self.answer(live, servedBy: ServedBy(collection: collection, generation: live.id))
    }
    group.on(.post, "reindex", .write) { request, _ in
      try Self.answer(
        try await engine.startReindex(try await reindexRequest(of: request)), status: .accepted)
    }
    group.on(.post, "reindex/plan", .read) { request, _ in
      try Self.answer(try await engine.planReindex(try await reindexRequest(of: request)))
    }
  }

  private func reindexRequest(of request: Request) async throws -> ReindexRequest {
    let fields = try await fields(of: request, floatKeys: ["queries"]).fields
    try fields.refuseOthers(than: [
      "source", "target", "specification", "alias", "gate", "limits", "priority", "swapAt", "ifCurrent",
      "after",
    ])
    let source = try fields.requiredString("source")
    let index = try engine.describeCollection(source).generation.specification.index
    return ReindexRequest(
      source: source, target: try fields.requiredString("target"),
      specification: try fields.encodingSpecification("specification", index: index)
        ?? EncodingSpecification(index: index),
      alias: try fields.string("alias"), gate: try fields.recallGate("gate"),
      priority: try fields.int("priority") ?? 0,
      swapAt: try fields.moment("swapAt"), ifCurrent: try fields.string("ifCurrent"),
      limits: try fields.jobLimits("limits"), after: try fields.jobs("after"))
  }

  private func switchRequest(of request: Request, _ name: String) async throws -> SwitchRequest {
    let fields = try await fields(of: request, floatKeys: ["queries"]).fields
    try fields.refuseOthers(than: ["specification", "gate", "limits", "priority", "swapAt", "after"])
    // A switch keeps the index unless it names another: with it the graph is kept too.
    let index = try engine.describeCollection(name).generation.specification.index
    guard let specification = try fields.encodingSpecification("specification", index: index) else {
      throw fields.missing("specification", expected: "an object")
    }
    return SwitchRequest(
      specification: specification, gate: try fields.recallGate("gate"),
      priority: try fields.int("priority") ?? 0, swapAt: try fields.moment("swapAt"),
      limits: try fields.jobLimits("limits"), after: try fields.jobs("after"))
  }
}
