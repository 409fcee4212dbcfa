internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  func addGenerationRoutes(to group: RouterGroup<Context>) {
    group.get("collections/{name}/generations") { _, context in
      try Self.answer(["generations": try engine.generations(of: try context.parameters.require("name"))])
    }
    group.post("collections/{name}/switch") { request, context in
      let name = try context.parameters.require("name")
      let fields = try await fields(of: request, floatKeys: ["queries"]).fields
      try fields.refuseOthers(than: ["specification", "gate"])
      guard let specification = try fields.encodingSpecification("specification") else {
        throw fields.missing("specification", expected: "an object")
      }
      let job = try await engine.startSwitch(
        name, SwitchRequest(specification: specification, gate: try fields.recallGate("gate")))
      return try Self.answer(job, status: .accepted)
    }
    group.post("collections/{name}/rollback") { request, context in
      let name = try context.parameters.require("name")
      try await fields(of: request).fields.refuseOthers(than: [])
      return try Self.answer(try await engine.rollback(name))
    }
    group.post("reindex") { request, _ in
      let fields = try await fields(of: request, floatKeys: ["queries"]).fields
      try fields.refuseOthers(than: ["source", "target", "specification", "alias", "gate"])
      let job = try await engine.startReindex(
        ReindexRequest(
          source: try fields.requiredString("source"), target: try fields.requiredString("target"),
          specification: try fields.encodingSpecification("specification") ?? EncodingSpecification(),
          alias: try fields.string("alias"), gate: try fields.recallGate("gate")))
      return try Self.answer(job, status: .accepted)
    }
  }
}
