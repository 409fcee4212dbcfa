import Foundation
package import GRDB
package import MoultModel

/// What exists: collections, generations, segments, aliases, each a row in SQLite.
///
/// Every function works inside the caller's transaction, so that the engine can change the catalog, the
/// points and the job queue together. A function that throws may have done half of its work: let the
/// error roll the transaction back.
package struct Catalog: Sendable {
  let now: @Sendable () -> Int64

  /// - Parameter now: milliseconds since 1970.
  package init(now: @escaping @Sendable () -> Int64 = Catalog.systemClock) { self.now = now }

  package static let systemClock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }

  // MARK: Collections

  /// All collections, by name.
  package func collections(in db: Database) throws -> [CollectionRecord] {
    try Row.fetchAll(db.cachedStatement(sql: "SELECT * FROM collections ORDER BY name"))
      .map(CollectionRecord.init(row:))
  }

  package func collection(named name: String, in db: Database) throws -> CollectionRecord? {
    let statement = try db.cachedStatement(sql: "SELECT * FROM collections WHERE name = ?")
    return try Row.fetchOne(statement, arguments: [name]).map(CollectionRecord.init(row:))
  }

  /// - Throws: `collectionNotFound`.
  package func collection(_ id: Int64, in db: Database) throws -> CollectionRecord {
    let statement = try db.cachedStatement(sql: "SELECT * FROM collections WHERE id = ?")
    guard let row = try Row.fetchOne(statement, arguments: [id]) else {
      throw MoultError(.collectionNotFound, "there is no collection number \(id)")
    }
    return try CollectionRecord(row: row)
  }

  /// Adds a collection, its first generation and its table of points. The generation is live when the
  /// collection is, and building otherwise; it is the current one in both cases.
  ///
  /// - Throws: `collectionExists`; `nameConflict` when an alias has the name.
  package func insertCollection(
    name: String, schema: CollectionSchema, specification: EncodingSpecification,
    state: CollectionRecord.State = .live, in db: Database
  ) throws -> (collection: CollectionRecord, generation: GenerationRecord) {
    guard try collection(named: name, in: db) == nil else {
      throw MoultError(.collectionExists, "there is a collection '\(name)' already")
    }
    guard try alias(named: name, in: db) == nil else {
      throw MoultError(.nameConflict, "there is an alias '\(name)': a collection needs a name of its own")
    }
    try db.execute(
      sql: """
        INSERT INTO collections (name, schema, state, current_generation, created_at)
        VALUES (?, ?, ?, 0, ?)
        """,
      arguments: [name, try encodeJSON(schema), state.rawValue, now()])
    let id = db.lastInsertedRowID
    let generation = try insertGeneration(
      collection: id, specification: specification, state: state == .live ? .live : .building, in: db)
    try db.execute(
      sql: "UPDATE collections SET current_generation = ? WHERE id = ?", arguments: [generation.id, id])
    try PointStore(collectionID: id, keyKind: schema.keyKind).createTable(in: db)
    return (try collection(id, in: db), generation)
  }

  /// Removes a collection with its generations, segments and points from the catalog. Its files can go
  /// after the commit: `DataDirectory.removeFiles(ofCollection:)`.
  ///
  /// - Throws: `collectionHasAliases` naming them.
  package func deleteCollection(_ id: Int64, in db: Database) throws {
    let collection = try collection(id, in: db)
    let aliases = try String.fetchAll(
      db, sql: "SELECT name FROM aliases WHERE collection_id = ? ORDER BY name", arguments: [id])
    guard aliases.isEmpty else {
      throw MoultError(
        .collectionHasAliases,
        "collection '\(collection.name)' has aliases (\(aliases.joined(separator: ", "))): drop them first")
    }
    try db.execute(
      sql: """
        DELETE FROM generation_segments
        WHERE generation_id IN (SELECT id FROM generations WHERE collection_id = ?)
        """, arguments: [id])
    try db.execute(sql: "DELETE FROM segments WHERE collection_id = ?", arguments: [id])
    // The pointers to and from generations form a circle; collections' side is checked at the commit.
    try db.execute(
      sql: "UPDATE collections SET current_generation = 0, previous_generation = NULL WHERE id = ?",
      arguments: [id])
    try db.execute(sql: "DELETE FROM generations WHERE collection_id = ?", arguments: [id])
    try db.execute(sql: "DELETE FROM collections WHERE id = ?", arguments: [id])
    try PointStore(collectionID: id, keyKind: collection.schema.keyKind).dropTable(in: db)
  }

  /// Gives a collection another schema; what is stored of its points must fit it.
  package func setSchema(_ schema: CollectionSchema, of id: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE collections SET schema = ? WHERE id = ?", arguments: [try encodeJSON(schema), id])
    try requireChange(db, "collection", id)
  }

  /// - Throws: `collectionExists`, `nameConflict`.
  package func rename(_ id: Int64, to name: String, in db: Database) throws {
    guard try collection(named: name, in: db) == nil else {
      throw MoultError(.collectionExists, "there is a collection '\(name)' already")
    }
    guard try alias(named: name, in: db) == nil else {
      throw MoultError(.nameConflict, "there is an alias '\(name)': a collection needs a name of its own")
    }
    try db.execute(sql: "UPDATE collections SET name = ? WHERE id = ?", arguments: [name, id])
    try requireChange(db, "collection", id)
  }

  package func setCollectionState(
    _ state: CollectionRecord.State, of id: Int64, in db: Database
  ) throws {
    try db.execute(
      sql: "UPDATE collections SET state = ? WHERE id = ?", arguments: [state.rawValue, id])
    try requireChange(db, "collection", id)
  }

  /// Gives out rows and sequence numbers.
  ///
  /// - Returns: the first sequence that was given out.
  /// Keys below `nextKey` are not given out any more. Never lowers it.
  package func reserveKeys(below nextKey: Int64, collection id: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE collections SET next_key = max(next_key, ?) WHERE id = ?", arguments: [nextKey, id])
    try requireChange(db, "collection", id)
  }

  @discardableResult
  package func advance(
    collection id: Int64, rows: Int64, sequences: Int64 = 1, in db: Database
  ) throws -> Int64 {
    let statement = try db.cachedStatement(
      sql: """
        UPDATE collections SET next_row = next_row + ?, next_sequence = next_sequence + ?
        WHERE id = ? RETURNING next_sequence
        """)
    guard let next = try Int64.fetchOne(statement, arguments: [rows, sequences, id]) else {
      throw MoultError(.collectionNotFound, "there is no collection number \(id)")
    }
    return next - sequences
  }

  // MARK: Aliases

  /// All aliases, by name.
  package func aliases(in db: Database) throws -> [AliasRecord] {
    try Row.fetchAll(db.cachedStatement(sql: "SELECT * FROM aliases ORDER BY name"))
      .map { AliasRecord(name: $0["name"], collectionID: $0["collection_id"]) }
  }

  package func alias(named name: String, in db: Database) throws -> AliasRecord? {
    let statement = try db.cachedStatement(sql: "SELECT * FROM aliases WHERE name = ?")
    return try Row.fetchOne(statement, arguments: [name])
      .map { AliasRecord(name: $0["name"], collectionID: $0["collection_id"]) }
  }

  /// Makes the alias, or points it elsewhere.
  ///
  /// - Throws: `nameConflict` when a collection has the name; `collectionNotFound`.
  package func setAlias(_ name: String, to collectionID: Int64, in db: Database) throws {
    guard try collection(named: name, in: db) == nil else {
      throw MoultError(.nameConflict, "'\(name)' is the name of a collection and cannot be an alias too")
    }
    _ = try collection(collectionID, in: db)
    try db.execute(
      sql: """
        INSERT INTO aliases (name, collection_id) VALUES (?, ?)
        ON CONFLICT (name) DO UPDATE SET collection_id = excluded.collection_id
        """, arguments: [name, collectionID])
  }

  /// - Throws: `aliasNotFound`.
  package func deleteAlias(_ name: String, in db: Database) throws {
    try db.execute(sql: "DELETE FROM aliases WHERE name = ?", arguments: [name])
    guard db.changesCount == 1 else {
      throw MoultError(.aliasNotFound, "there is no alias '\(name)'")
    }
  }
}

extension CollectionRecord {
  init(row: Row) throws {
    let id: Int64 = row["id"]
    self.init(
      id: id, name: row["name"],
      schema: try decodeJSON(row["schema"], "schema of collection \(id)"),
      state: try decodeState(row["state"], "state of collection \(id)"),
      nextRow: row["next_row"], nextSequence: row["next_sequence"], nextKey: row["next_key"],
      currentGeneration: row["current_generation"], previousGeneration: row["previous_generation"],
      createdAt: row["created_at"])
  }
}

// MARK: Columns

func encodeJSON(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

func decodeJSON<Value: Decodable>(_ text: String, _ what: String) throws -> Value {
  do { return try JSONDecoder().decode(Value.self, from: Data(text.utf8)) } catch {
    throw MoultError(.corrupted, "the catalog's \(what) cannot be read: \(error); got \(text)")
  }
}

func decodeState<State: RawRepresentable<String>>(_ text: String, _ what: String) throws -> State {
  guard let state = State(rawValue: text) else {
    throw MoultError(.corrupted, "the catalog's \(what) is unknown: '\(text)'")
  }
  return state
}

/// - Throws: `internalError` unless the last statement changed one row.
func requireChange(_ db: Database, _ what: String, _ id: Int64) throws {
  guard db.changesCount == 1 else {
    throw MoultError(.internalError, "the catalog has no \(what) number \(id)")
  }
}
