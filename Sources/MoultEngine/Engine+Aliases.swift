import MoultModel
import MoultStorage

// The catalog is written first, under the gate of names; then the map in memory changes in one step. A request
// that begins after a method has returned sees the new target.
extension Engine {
  /// Idempotent for the same collection. `collection` may be an alias: its target is taken.
  ///
  /// - Throws: `aliasExists`, `nameConflict`, `collectionNotFound`, `collectionNotReady`.
  package func createAlias(_ alias: String, collection: String) async throws {
    try Name.validate(alias, what: "alias")
    try await names.run {
      let map = aliases.current
      if map.collections[alias] != nil {
        throw MoultError(.nameConflict, "'\(alias)' is the name of a collection and cannot be an alias too")
      }
      let target = try aliases.resolveReady(collection)
      if let present = map.aliases[alias] {
        guard present == target.name else {
          throw MoultError(.aliasExists, "\(alias) is alias to another collection: \(present)")
        }
        return
      }
      try await point(alias, to: target)
    }
  }

  /// Repoints an alias atomically.
  ///
  /// - Parameter ifCurrent: do it only when the alias points to that collection now (else `aliasExists`).
  /// - Throws: `collectionNotFound` (checked first), `aliasNotFound`, `collectionNotReady`.
  package func alterAlias(_ alias: String, collection: String, ifCurrent: String? = nil) async throws {
    try Name.validate(alias, what: "alias")
    try await names.run {
      let target = try aliases.resolveReady(collection)
      guard let present = aliases.current.aliases[alias] else {
        throw MoultError(.aliasNotFound, "there is no alias '\(alias)'")
      }
      try Self.check(alias, pointsTo: present, expected: ifCurrent)
      if present != target.name { try await point(alias, to: target) }
    }
  }

  private func point(_ alias: String, to target: Collection) async throws {
    let present = aliases.current.aliases[alias]
    let entry = HistoryEntry(
      action: present == nil ? .aliasCreated : .aliasMoved, name: alias, before: present, after: target.name,
      requestedBy: Requester.name)
    try await resources.directory.write { [resources] db in
      try resources.directory.catalog.setAlias(alias, to: target.id, in: db)
      try resources.directory.catalog.record(entry, in: db)
    }
    aliases.publish { $0.aliases[alias] = target.name }
  }

  /// - Throws: `aliasExists` when an alias does not point to the collection that somebody believes it to.
  static func check(_ alias: String, pointsTo present: String?, expected: String?) throws {
    guard let expected, present != expected else { return }
    throw MoultError(
      .aliasExists,
      "alias '\(alias)' \(present.map { "points to '\($0)'" } ?? "is not there"), not to '\(expected)'; "
        + "nothing was changed")
  }

  /// - Parameter ifCurrent: do it only when the alias points to that collection now (else `aliasExists`).
  /// - Returns: whether it existed.
  @discardableResult
  package func dropAlias(_ alias: String, ifCurrent: String? = nil) async throws -> Bool {
    try await names.run {
      guard let present = aliases.current.aliases[alias] else { return false }
      try Self.check(alias, pointsTo: present, expected: ifCurrent)
      let entry = HistoryEntry(
        action: .aliasDropped, name: alias, before: present, requestedBy: Requester.name)
      try await resources.directory.write { [resources] db in
        try resources.directory.catalog.deleteAlias(alias, in: db)
        try resources.directory.catalog.record(entry, in: db)
      }
      aliases.publish { $0.aliases[alias] = nil }
      return true
    }
  }

  /// The collection's own name. - Throws: `aliasNotFound`.
  package func describeAlias(_ alias: String) throws -> String {
    guard let target = aliases.current.aliases[alias] else {
      throw MoultError(.aliasNotFound, "there is no alias '\(alias)'")
    }
    return target
  }

  /// All aliases, or those of one collection (name or alias), sorted by alias.
  ///
  /// - Throws: `collectionNotFound`.
  package func listAliases(of collection: String? = nil) throws -> [(alias: String, collection: String)] {
    let map = aliases.current
    var own: String?
    if let collection {
      guard let found = map.collection(collection) else {
        throw MoultError(.collectionNotFound, "there is no collection or alias '\(collection)'")
      }
      own = found.name
    }
    return map.aliases.filter { own == nil || $0.value == own }
      .map { (alias: $0.key, collection: $0.value) }
      .sorted { $0.alias < $1.alias }
  }
}
