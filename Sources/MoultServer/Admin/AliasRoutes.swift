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
    group.on(.patch, "aliases", .write) { request, _ in
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["actions"])
      guard let values = try fields.array("actions") else {
        throw fields.missing("actions", expected: "an array of objects")
      }
      var actions: [AliasAction] = []
      for (index, value) in values.enumerated() {
        guard let object = value.object else {
          throw fields.mismatch("actions[\(index)]", expected: "an object", value)
        }
        actions.append(try Self.action(RequestFields(object, path: "actions[\(index)].")))
      }
      return try Self.answer(["changes": try await engine.changeAliases(actions)])
    }
    group.on(.get, "aliases/{alias}", .read) { _, context in
      try answer(alias: try context.pathPart("alias"))
    }
    group.on(.put, "aliases/{alias}", .write) { request, context in
      let alias = try context.pathPart("alias")
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["collection", "ifCurrent"])
      try await engine.alterAlias(
        alias, collection: try fields.requiredString("collection"), ifCurrent: try fields.string("ifCurrent"))
      return try answer(alias: alias)
    }
    group.on(.delete, "aliases/{alias}", .write) { request, context in
      let alias = try context.pathPart("alias")
      let parameters = try QueryParameters(request, known: ["ifCurrent"])
      guard try await engine.dropAlias(alias, ifCurrent: parameters.string("ifCurrent")) else {
        throw MoultError(.aliasNotFound, "there is no alias '\(alias)'")
      }
      return Response(status: .noContent)
    }
  }

  private enum ActionName: String, CaseIterable {
    case create, alter, set, drop, rename, swap

    /// Members beside `action` and `alias`.
    var members: Set<String> {
      switch self {
      case .create: ["collection", "ifAbsent"]
      case .alter: ["collection", "ifCurrent"]
      case .set: ["collection"]
      case .drop: ["ifCurrent", "ifExists"]
      case .rename: ["to", "ifCurrent"]
      case .swap: ["with"]
      }
    }
  }

  private static func action(_ fields: RequestFields) throws(MoultError) -> AliasAction {
    guard let name = try fields.word("action", ActionName.self) else {
      throw fields.missing("action", expected: "one of create, alter, set, drop, rename, swap")
    }
    try fields.refuseOthers(than: name.members.union(["action", "alias"]))
    let alias = try fields.requiredString("alias")
    let ifCurrent = try fields.string("ifCurrent")
    switch name {
    case .create:
      return .create(
        alias, collection: try fields.requiredString("collection"),
        ifAbsent: try fields.bool("ifAbsent") ?? false)
    case .alter:
      return .alter(alias, collection: try fields.requiredString("collection"), ifCurrent: ifCurrent)
    case .set: return .set(alias, collection: try fields.requiredString("collection"))
    case .drop: return .drop(alias, ifCurrent: ifCurrent, ifExists: try fields.bool("ifExists") ?? false)
    case .rename: return .rename(alias, to: try fields.requiredString("to"), ifCurrent: ifCurrent)
    case .swap: return .swap(alias, with: try fields.requiredString("with"))
    }
  }

  private func answer(alias: String, status: HTTPResponse.Status = .ok) throws -> Response {
    try Self.answer(
      AliasEntry(alias: alias, collection: try engine.describeAlias(alias)), status: status)
  }
}
