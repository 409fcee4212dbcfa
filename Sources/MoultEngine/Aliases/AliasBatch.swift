import MoultModel

/// What a batch of actions makes of the aliases, worked out before anything is written.
struct AliasBatch {
  /// Names as they are, but for the aliases: those are as the actions so far have made them.
  private var map: AliasTable.Map
  /// In order; an alias may occur several times. What changes nothing is left out.
  private(set) var changes: [AliasChange] = []

  init(_ map: AliasTable.Map) { self.map = map }

  /// - Throws: `aliasExists`, `aliasNotFound`, `nameConflict`, `collectionNotFound`, `collectionNotReady`,
  ///   `invalidArgument` (a name).
  mutating func apply(_ action: AliasAction) throws {
    switch action {
    case .create(let alias, let collection, let ifAbsent):
      try requireFree(alias)
      let target = try target(collection)
      if let present = map.aliases[alias] {
        guard !ifAbsent, present == target else {
          throw MoultError(.aliasExists, "\(alias) is alias to another collection: \(present)")
        }
      }
      try point(alias, to: target)
    case .alter(let alias, let collection, let ifCurrent):
      try Name.validateQualified(alias, what: "alias")
      let target = try target(collection)
      try Engine.check(alias, pointsTo: try present(alias), expected: ifCurrent)
      try point(alias, to: target)
    case .set(let alias, let collection):
      try requireFree(alias)
      try point(alias, to: try target(collection))
    case .drop(let alias, let ifCurrent, let ifExists):
      if ifExists, map.aliases[alias] == nil { return }
      try Engine.check(alias, pointsTo: try present(alias), expected: ifCurrent)
      try point(alias, to: nil)
    case .rename(let alias, let name, let ifCurrent):
      let target = try present(alias)
      try Engine.check(alias, pointsTo: target, expected: ifCurrent)
      guard alias != name else { return }
      try requireFree(name)
      if let taken = map.aliases[name] {
        throw MoultError(.aliasExists, "\(name) is an alias already, of \(taken); drop it first")
      }
      try point(alias, to: nil)
      try point(name, to: target)
    case .swap(let alias, let other):
      let (first, second) = (try present(alias), try present(other))
      try point(alias, to: second)
      try point(other, to: first)
    }
  }

  /// - Throws: `invalidArgument` for one vector field: aliases stand for collections.
  private func target(_ name: String) throws -> String {
    let collection = try map.ready(name)
    guard collection.parentID == nil else {
      throw MoultError(
        .invalidArgument,
        "'\(name)' is one vector field; an alias stands for a collection with all its fields, and a field of it is "
          + "addressed by the alias too")
    }
    return collection.name
  }

  private mutating func point(_ alias: String, to target: String?) throws {
    if let target { try Name.requireSameDatabase(alias: alias, collection: target) }
    let present = map.aliases[alias]
    guard present != target else { return }
    map.aliases[alias] = target
    changes.append(AliasChange(alias: alias, before: present, after: target))
  }

  private func present(_ alias: String) throws -> String {
    guard let target = map.aliases[alias] else {
      throw MoultError(.aliasNotFound, "there is no alias '\(alias)'")
    }
    return target
  }

  /// - Throws: when no alias can have the name.
  private func requireFree(_ alias: String) throws {
    try Name.validateQualified(alias, what: "alias")
    guard map.collections[alias] == nil, map.damaged[alias] == nil else {
      throw MoultError(.nameConflict, "'\(alias)' is the name of a collection and cannot be an alias too")
    }
  }
}
