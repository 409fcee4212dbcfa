package import MoultModel
import MoultStorage

// The catalog is written first, under the gate of names; then the map in memory changes in one step. A request
// that begins after a method has returned sees the new target.
extension Engine {
  /// Applies all actions in order, in one commit and one instant, or none.
  ///
  /// - Returns: what became of which alias, in order.
  /// - Throws: `invalidArgument` (how many, a name), `aliasExists`, `aliasNotFound`, `nameConflict`,
  ///   `collectionNotFound`, `collectionNotReady`; in a batch of several the message names the action.
  @discardableResult
  package func changeAliases(_ actions: [AliasAction]) async throws -> [AliasChange] {
    guard AliasAction.batchRange.contains(actions.count) else {
      throw MoultError(
        .invalidArgument,
        "a batch takes \(AliasAction.batchRange.lowerBound) … \(AliasAction.batchRange.upperBound) actions, "
          + "got \(actions.count)")
    }
    return try await names.run {
      var batch = AliasBatch(aliases.current)
      for (index, action) in actions.enumerated() {
        do { try batch.apply(action) } catch let error as MoultError where actions.count > 1 {
          throw MoultError(
            error.code,
            "action \(index + 1) of \(actions.count) (\(action.summary); none was carried out): "
              + error.message)
        }
      }
      try await commit(batch.changes)
      return batch.changes
    }
  }

  private func commit(_ changes: [AliasChange]) async throws {
    guard !changes.isEmpty else { return }
    let requester = Requester.name
    try await resources.directory.write { [resources] db in
      let catalog = resources.directory.catalog
      for change in changes {
        if let target = change.after {
          guard let collection = try catalog.collection(named: target, in: db) else {
            throw MoultError(.internalError, "the catalog has no collection '\(target)'")
          }
          try catalog.setAlias(change.alias, to: collection.id, in: db)
        } else {
          try catalog.deleteAlias(change.alias, in: db)
        }
        let action: HistoryEntry.Action =
          change.after == nil ? .aliasDropped : change.before == nil ? .aliasCreated : .aliasMoved
        try catalog.record(
          HistoryEntry(
            action: action, name: change.alias, before: change.before, after: change.after,
            requestedBy: requester), in: db)
      }
    }
    aliases.publish { map in
      for change in changes { map.aliases[change.alias] = change.after }
    }
  }

  /// Idempotent for the same collection. `collection` may be an alias: its target is taken.
  ///
  /// - Throws: `aliasExists`, `nameConflict`, `collectionNotFound`, `collectionNotReady`.
  package func createAlias(_ alias: String, collection: String) async throws {
    try await changeAliases([.create(alias, collection: collection)])
  }

  /// Repoints an alias atomically.
  ///
  /// - Parameter ifCurrent: do it only when the alias points to that collection now (else `aliasExists`).
  /// - Throws: `collectionNotFound` (checked first), `aliasNotFound`, `collectionNotReady`.
  package func alterAlias(_ alias: String, collection: String, ifCurrent: String? = nil) async throws {
    try await changeAliases([.alter(alias, collection: collection, ifCurrent: ifCurrent)])
  }

  /// - Parameter ifCurrent: do it only when the alias points to that collection now (else `aliasExists`).
  /// - Returns: whether it existed.
  @discardableResult
  package func dropAlias(_ alias: String, ifCurrent: String? = nil) async throws -> Bool {
    try await !changeAliases([.drop(alias, ifCurrent: ifCurrent, ifExists: true)]).isEmpty
  }

  /// - Throws: `aliasExists` when an alias does not point to the collection that somebody believes it to.
  static func check(_ alias: String, pointsTo present: String?, expected: String?) throws {
    guard let expected, present != expected else { return }
    throw MoultError(
      .aliasExists,
      "alias '\(alias)' \(present.map { "points to '\($0)'" } ?? "is not there"), not to '\(expected)'; "
        + "nothing was changed")
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
