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

  /// The vector fields of a collection beside its first, by name.
  package func fields(of id: Int64, in db: Database) throws -> [CollectionRecord] {
    let statement = try db.cachedStatement(
      sql: "SELECT * FROM collections WHERE parent_id = ? ORDER BY name")
    return try Row.fetchAll(statement, arguments: [id]).map(CollectionRecord.init(row:))
  }

  /// Adds a collection, its first generation and its table of points. The generation is live when the
  /// collection is, and building otherwise; it is the current one in both cases.
  ///
  /// - Parameter parent: makes it a vector field of that collection, whose points it shares from the next batch on.
  /// - Throws: `collectionExists`; `nameConflict` when an alias has the name.
  package func insertCollection(
    name: String, schema: CollectionSchema, specification: EncodingSpecification,
    state: CollectionRecord.State = .live, parent: Int64? = nil, in db: Database
  ) throws -> (collection: CollectionRecord, generation: GenerationRecord) {
    guard try collection(named: name, in: db) == nil else {
      throw MoultError(.collectionExists, "there is a collection '\(name)' already")
    }
    guard try alias(named: name, in: db) == nil else {
      throw MoultError(.nameConflict, "there is an alias '\(name)': a collection needs a name of its own")
    }
    try requireDatabase(of: name, in: db)
    try db.execute(
      sql: """
        INSERT INTO collections (name, schema, state, current_generation, created_at, parent_id)
        VALUES (?, ?, ?, 0, ?, ?)
        """,
      arguments: [name, try encodeJSON(schema), state.rawValue, now(), parent])
    let id = db.lastInsertedRowID
    if let parent {
      try db.execute(
        sql: """
          UPDATE collections SET (next_row, next_sequence) =
            (SELECT next_row, next_sequence FROM collections WHERE id = ?) WHERE id = ?
          """, arguments: [parent, id])
    }
    let generation = try insertGeneration(
      collection: id, specification: specification, state: state == .live ? .live : .building, in: db)
    try db.execute(
      sql: "UPDATE collections SET current_generation = ? WHERE id = ?", arguments: [generation.id, id])
    let made = try collection(id, in: db)
    if parent == nil { try made.points.createTable(in: db) }
    return (made, generation)
  }

  /// Removes a collection with its vector fields, generations, segments and points from the catalog. Their files can
  /// go after the commit: `DataDirectory.removeFiles(ofCollection:)`.
  ///
  /// - Returns: the collection and its fields.
  /// - Throws: `collectionHasAliases` naming them.
  @discardableResult
  package func deleteCollection(_ id: Int64, in db: Database) throws -> [Int64] {
    let collection = try collection(id, in: db)
    var removed: [Int64] = []
    for field in try fields(of: id, in: db) { removed += try deleteCollection(field.id, in: db) }
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
    if collection.parentID == nil { try collection.points.dropTable(in: db) }
    return removed + [id]
  }

  /// Gives a collection another schema; what is stored of its points must fit it.
  package func setSchema(_ schema: CollectionSchema, of id: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE collections SET schema = ? WHERE id = ?", arguments: [try encodeJSON(schema), id])
    try requireChange(db, "collection", id)
  }

  /// Its vector fields follow.
  ///
  /// - Throws: `collectionExists`, `nameConflict`.
  package func rename(_ id: Int64, to name: String, in db: Database) throws {
    guard try collection(named: name, in: db) == nil else {
      throw MoultError(.collectionExists, "there is a collection '\(name)' already")
    }
    guard try alias(named: name, in: db) == nil else {
      throw MoultError(.nameConflict, "there is an alias '\(name)': a collection needs a name of its own")
    }
    try requireDatabase(of: name, in: db)
    try db.execute(sql: "UPDATE collections SET name = ? WHERE id = ?", arguments: [name, id])
    try requireChange(db, "collection", id)
    for field in try fields(of: id, in: db) {
      try rename(field.id, to: FieldName.joined(name, field.schema.vectorField), in: db)
    }
  }

  package func setCollectionState(
    _ state: CollectionRecord.State, of id: Int64, in db: Database
  ) throws {
    try db.execute(
      sql: "UPDATE collections SET state = ? WHERE id = ?", arguments: [state.rawValue, id])
    try requireChange(db, "collection", id)
  }

  /// Keys below `nextKey` are not given out any more. Never lowers it.
  package func reserveKeys(below nextKey: Int64, collection id: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE collections SET next_key = max(next_key, ?) WHERE id = ?", arguments: [nextKey, id])
    try requireChange(db, "collection", id)
  }

  /// Gives out rows and sequence numbers, to the collection and its vector fields alike.
  ///
  /// - Returns: the first sequence that was given out.
  @discardableResult
  package func advance(
    collection id: Int64, rows: Int64, sequences: Int64 = 1, in db: Database
  ) throws -> Int64 {
    let statement = try db.cachedStatement(
      sql: """
        UPDATE collections SET next_row = next_row + ?, next_sequence = next_sequence + ?
        WHERE id = ? OR parent_id = ? RETURNING next_sequence
        """)
    // All of them have the same.
    guard let next = try Int64.fetchAll(statement, arguments: [rows, sequences, id, id]).first else {
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
      id: id, name: row["name"], parentID: row["parent_id"],
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
