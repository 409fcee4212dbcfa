import MoultModel
import Synchronization

/// Every name that can be asked for, and what it stands for: one immutable map behind one lock.
///
/// A request resolves its name once. All aliases of one change appear in the same instant, because the whole
/// map is exchanged. The catalog is written first; this map is what makes a change visible.
final class AliasTable: Sendable {
  struct Map: Sendable {
    var collections: [String: Collection] = [:]
    /// Alias → the collection's own name. Every target stands in `collections` or `damaged`.
    var aliases: [String: String] = [:]
    /// By name; there is always `default`.
    var databases: [String: DatabaseInfo] = [:]
    /// Collections that could not be opened, by name, and why.
    var damaged: [String: MoultError] = [:]

    /// Also one vector field of a collection, by the collection's name or an alias; see ``FieldName``.
    func collection(_ name: String) -> Collection? {
      if let collection = collections[aliases[name] ?? name] { return collection }
      guard let (name, field) = FieldName.split(name), let collection = collections[aliases[name] ?? name]
      else {
        return nil
      }
      if collection.schema.vectorField == field { return collection }
      return collection.fields.first { $0.schema.vectorField == field }
    }

    /// Of a vector field.
    func parent(of collection: Collection) -> Collection? {
      guard collection.parentID != nil else { return nil }
      return FieldName.split(collection.name).flatMap { collections[$0.collection] }
    }

    /// - Throws: what is wrong with a collection that could not be opened; `collectionNotFound`.
    func opened(_ name: String) throws -> Collection {
      if let collection = collection(name) { return collection }
      if let damage = damaged[aliases[name] ?? name] { throw damage }
      if let (name, field) = FieldName.split(name), let collection = collections[aliases[name] ?? name] {
        throw MoultError(
          .collectionNotFound,
          "collection '\(collection.name)' has no vector field '\(field)'; it has "
            + collection.fieldNames.joined(separator: ", "))
      }
      throw MoultError(.collectionNotFound, "there is no collection or alias '\(name)'")
    }

    /// As `opened`; a collection that a reindex is still filling is refused.
    func ready(_ name: String) throws -> Collection {
      let collection = try opened(name)
      guard (parent(of: collection) ?? collection).isReady else {
        throw MoultError(
          .collectionNotReady,
          "collection '\(collection.name)' is still being built by a reindex; watch its job, then use it")
      }
      return collection
    }

    /// As `ready`, for a search: where the name is that of a whole collection, the field that searches take.
    func searched(_ name: String) throws -> Collection {
      let collection = try ready(name)
      return collections[aliases[name] ?? name] == nil ? collection : collection.searched
    }

    /// Aliases of the collection with this own name, sorted.
    func aliases(of collection: String) -> [String] {
      aliases.filter { $0.value == collection }.map(\.key).sorted()
    }
  }

  private let map = Mutex(Map())

  var current: Map { map.withLock { $0 } }

  func publish(_ change: (inout Map) -> Void) {
    map.withLock { change(&$0) }
  }

  /// - Throws: `collectionNotFound`; `corrupted` for a collection that could not be opened.
  func resolve(_ name: String) throws -> Collection {
    let map = current
    return try map.opened(name)
  }

  /// As `resolve`, for requests from outside: a collection that a reindex is still filling is refused.
  func resolveReady(_ name: String) throws -> Collection {
    let map = current
    return try map.ready(name)
  }
}
