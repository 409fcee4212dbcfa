import MoultModel
import MoultStorage

/// Which collections and aliases of a backup are put in, under which names, if they get along with what is there.
struct RestorePlan {
  /// The name in the backup → the name here.
  private(set) var names: [String: String] = [:]
  /// Alias → the collection's name here.
  private(set) var aliases: [String: String] = [:]

  /// - Throws: `collectionNotFound` (in the backup), `invalidArgument`, `collectionExists`, `nameConflict`, `aliasExists`.
  init(_ manifest: BackupManifest, _ request: RestoreRequest, _ map: AliasTable.Map) throws {
    let collections = manifest.collections.filter {
      $0.parent == nil && (request.only == nil || request.only == $0.name)
    }
    if let only = request.only, collections.isEmpty {
      throw MoultError(
        .collectionNotFound,
        "the backup has no collection '\(only)'; it has "
          + manifest.collections.filter { $0.parent == nil }.map(\.name).joined(separator: ", ")
      )
    }
    if let name = request.name {
      try Name.validateQualified(name, what: "collection")
      guard collections.count == 1 else {
        throw MoultError(
          .invalidArgument,
          "only one collection can get another name, and the backup has \(collections.count): choose it with 'only'"
        )
      }
    }
    let replaces = request.ifExists == .replace
    for collection in collections {
      let name = request.name ?? collection.name
      try Self.check(collection)
      if let target = map.aliases[name] {
        throw MoultError(
          .nameConflict, "'\(name)' is an alias here, of '\(target)': a collection needs a name of its own")
      }
      guard replaces || (map.collections[name] == nil && map.damaged[name] == nil) else {
        throw MoultError(
          .collectionExists,
          "there is a collection '\(name)' already: restore under another name, or let it be replaced")
      }
      names[collection.name] = name
      for field in manifest.collections where field.parent == collection.id {
        try Self.check(field)
        names[field.name] = FieldName.joined(name, field.schema.vectorField)
      }
    }
    guard request.name == nil else { return }
    for (alias, collection) in manifest.aliases {
      guard let target = names[collection] else { continue }
      guard map.collections[alias] == nil, map.damaged[alias] == nil else {
        throw MoultError(
          .nameConflict, "alias '\(alias)' of the backup has the name of a collection that is here")
      }
      if let present = map.aliases[alias], present != target, !replaces {
        throw MoultError(
          .aliasExists, "alias '\(alias)' of the backup is here already, of collection '\(present)'")
      }
      aliases[alias] = target
    }
  }

  private static func check(_ collection: BackupManifest.Collection) throws {
    try Engine.check(collection.schema)
    for generation in collection.generations {
      try Engine.check(generation.specification, schema: collection.schema)
    }
  }
}
