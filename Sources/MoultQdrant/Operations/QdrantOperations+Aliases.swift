internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// `POST /collections/aliases`: all of the actions, in one commit and one instant, or none.
  ///
  /// Beside Qdrant's members an action that makes an alias may have `expect`: the collection that the alias must point
  /// to now, or nothing is changed.
  func changeAliases(_ body: QdrantFields) async throws -> [AliasChange] {
    let list = try body.required("actions", try body.array("actions"))
    var actions: [AliasAction] = []
    for (index, json) in list.enumerated() {
      actions += try self.actions(try QdrantFields(json, at: "actions[\(index)]"))
    }
    guard !actions.isEmpty else { return [] }
    do {
      return try await engine.changeAliases(actions)
    } catch let error as MoultError {
      switch error.code {
      // Told with Moult's names: which of the actions it was, and that nothing was done.
      case .aliasNotFound: throw QdrantError.notFound("Alias does not exists! \(error.message)")
      case .nameConflict:
        throw QdrantError.exists("a collection of the alias' name already exists! \(error.message)")
      default: throw error
      }
    }
  }

  private func actions(_ fields: QdrantFields) throws(QdrantError) -> [AliasAction] {
    guard fields.object.members.count == 1, let kind = fields.object.members.first?.key,
      let inner = try fields.fields(kind)
    else { throw .format("\(fields.path): expected one of `create_alias`, `delete_alias`, `rename_alias`") }
    func name(_ member: String) throws(QdrantError) -> String {
      let name = try inner.required(member, try inner.string(member))
      guard (1...255).contains(name.unicodeScalars.count) else {
        throw .validation("[\(inner.place(member)): length must be in 1 … 255]")
      }
      return QdrantName.encoded(name)
    }
    switch kind {
    case "create_alias":
      let (alias, target) = (try name("alias_name"), try name("collection_name"))
      // An alias stands for a collection, never for an alias.
      guard let info = try? engine.describeCollection(target), info.name == target else {
        throw .noCollection(QdrantName.decoded(target))
      }
      if let info = try? engine.describeCollection(alias), info.name == alias {
        throw .exists("Collection `\(QdrantName.decoded(alias))` already exists!")
      }
      guard let expected = try inner.string("expect") else { return [.set(alias, collection: target)] }
      return [.alter(alias, collection: target, ifCurrent: QdrantName.encoded(expected))]
    case "delete_alias": return [.drop(try name("alias_name"), ifExists: true)]
    case "rename_alias":
      let (old, new) = (try name("old_alias_name"), try name("new_alias_name"))
      // An alias that has the new name is overwritten; a collection is not shadowed.
      return old == new ? [.rename(old, to: new)] : [.drop(new, ifExists: true), .rename(old, to: new)]
    default:
      throw .format(
        "\(fields.path): unknown variant `\(kind.prefix(100))`, expected one of `create_alias`, `delete_alias`, `rename_alias`"
      )
    }
  }

  /// All aliases, by their names, of those whose collection the caller may see too.
  func aliases() throws -> [(alias: String, collection: String)] {
    try engine.listAliases().filter { !$0.alias.utf8.contains(UInt8(ascii: ".")) }
      .map { (QdrantName.decoded($0.alias), QdrantName.decoded($0.collection)) }
      .filter { Self.mayRead($0.0) && Self.mayRead($0.1) }
  }

  /// Those of one collection; none for an alias, or a name that stands for nothing.
  func aliases(of name: String) throws -> [(alias: String, collection: String)] {
    try aliases().filter { $0.collection == name }
  }
}
