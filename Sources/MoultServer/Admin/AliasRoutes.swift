internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  /// An alias and the collection it points to.
  struct AliasEntry: Encodable {
    var alias: String
    var collection: String
  }

  func addAliasRoutes(to group: GuardedRoutes) {
    group.on(.get, "aliases", .read) { request, _ in
      let parameters = try QueryParameters(request, known: ["collection"])
      let aliases = try engine.listAliases(of: parameters.string("collection"))
      return try Self.answer([
        "aliases": aliases.map { AliasEntry(alias: $0.alias, collection: $0.collection) }
      ])
    }
    group.on(.post, "aliases", .write) { request, _ in
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["alias", "collection"])
      let alias = try fields.requiredString("alias")
      try await engine.createAlias(alias, collection: try fields.requiredString("collection"))
      return try answer(alias: alias, status: .created)
    }
    group.on(.get, "aliases/{alias}", .read) { _, context in
      try answer(alias: try context.parameters.require("alias"))
    }
    group.on(.put, "aliases/{alias}", .write) { request, context in
      let alias = try context.parameters.require("alias")
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["collection", "ifCurrent"])
      try await engine.alterAlias(
        alias, collection: try fields.requiredString("collection"), ifCurrent: try fields.string("ifCurrent"))
      return try answer(alias: alias)
    }
    group.on(.delete, "aliases/{alias}", .write) { request, context in
      let alias = try context.parameters.require("alias")
      let parameters = try QueryParameters(request, known: ["ifCurrent"])
      guard try await engine.dropAlias(alias, ifCurrent: parameters.string("ifCurrent")) else {
        throw MoultError(.aliasNotFound, "there is no alias '\(alias)'")
      }
      return Response(status: .noContent)
    }
  }

  private func answer(alias: String, status: HTTPResponse.Status = .ok) throws -> Response {
    try Self.answer(
      AliasEntry(alias: alias, collection: try engine.describeAlias(alias)), status: status)
  }
}
