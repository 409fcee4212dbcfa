package import GRDB
package import MoultModel

extension Catalog {
  /// Generations of a collection, oldest first.
  package func generations(of collectionID: Int64, in db: Database) throws -> [GenerationRecord] {
    let statement = try db.cachedStatement(
      sql: "SELECT * FROM generations WHERE collection_id = ? ORDER BY id")
    return try Row.fetchAll(statement, arguments: [collectionID]).map(GenerationRecord.init(row:))
  }

  /// - Throws: `internalError` when there is none.
  package func generation(_ id: Int64, in db: Database) throws -> GenerationRecord {
    let statement = try db.cachedStatement(sql: "SELECT * FROM generations WHERE id = ?")
    guard let row = try Row.fetchOne(statement, arguments: [id]) else {
      throw MoultError(.internalError, "the catalog has no generation number \(id)")
    }
    return try GenerationRecord(row: row)
  }

  package func insertGeneration(
    collection collectionID: Int64, specification: EncodingSpecification,
    state: GenerationRecord.State = .building, in db: Database
  ) throws -> GenerationRecord {
    let moment = now()
    try db.execute(
      sql: """
        INSERT INTO generations (collection_id, specification, state, created_at, published_at)
        VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        collectionID, try encodeJSON(specification), state.rawValue, moment,
        state == .live ? moment : nil,
      ])
    return try generation(db.lastInsertedRowID, in: db)
  }

  /// Says how a generation without codes and graphs is to hold its vectors.
  package func setSpecification(
    _ specification: EncodingSpecification, ofGeneration id: Int64, in db: Database
  ) throws {
    try db.execute(
      sql: "UPDATE generations SET specification = ? WHERE id = ?",
      arguments: [try encodeJSON(specification), id])
    try requireChange(db, "generation", id)
  }

  /// Sets what is given. States change through `publishGeneration` and `rollback`.
  ///
  /// - Parameter report: JSON.
  package func updateGeneration(
    _ id: Int64, report: String? = nil, encoderFile: String? = nil, in db: Database
  ) throws {
    try db.execute(
      sql: """
        UPDATE generations SET report = coalesce(?, report), encoder_file = coalesce(?, encoder_file)
        WHERE id = ?
        """, arguments: [report, encoderFile, id])
    try requireChange(db, "generation", id)
  }

  /// Forgets a generation that is not the current one. If it was the previous one, there is nothing to
  /// roll back to any more.
  ///
  /// - Returns: the files to remove after the commit, relative to the data directory.
  /// - Throws: `internalError` for the current generation.
  package func deleteGeneration(_ id: Int64, in db: Database) throws -> [String] {
    let generation = try generation(id, in: db)
    let collection = try collection(generation.collectionID, in: db)
    guard collection.currentGeneration != id else {
      throw MoultError(
        .internalError, "generation \(id) is the current one of '\(collection.name)' and cannot be deleted")
    }
    let files = try generationSegments(of: id, in: db)
      .flatMap { [$0.codesFile, $0.graphFile].compactMap(\.self) }
    try db.execute(sql: "DELETE FROM generation_segments WHERE generation_id = ?", arguments: [id])
    if collection.previousGeneration == id {
      try db.execute(
        sql: "UPDATE collections SET previous_generation = NULL WHERE id = ?", arguments: [collection.id])
    }
    try db.execute(sql: "DELETE FROM generations WHERE id = ?", arguments: [id])
    return files + [generation.encoderFile].compactMap(\.self)
  }
}

extension GenerationRecord {
  init(row: Row) throws {
    let id: Int64 = row["id"]
    self.init(
      id: id, collectionID: row["collection_id"],
      specification: try decodeJSON(row["specification"], "specification of generation \(id)"),
      state: try decodeState(row["state"], "state of generation \(id)"),
      report: row["report"], encoderFile: row["encoder_file"], createdAt: row["created_at"],
      publishedAt: row["published_at"])
  }
}
