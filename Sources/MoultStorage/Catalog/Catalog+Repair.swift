package import GRDB
import MoultModel

/// What a repair changes: names of derived files that are damaged, so that opening builds them anew.
extension Catalog {
  package func forgetCodes(generation: Int64, segment: Int64, in db: Database) throws {
    try forget("codes_file", generation: generation, segment: segment, in: db)
  }

  package func forgetIndex(generation: Int64, segment: Int64, in db: Database) throws {
    try forget("graph_file", generation: generation, segment: segment, in: db)
  }

  private func forget(_ column: String, generation: Int64, segment: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE generation_segments SET \(column) = NULL WHERE generation_id = ? AND segment_id = ?",
      arguments: [generation, segment])
  }

  /// Sets how many rows a segment's file has room for, from which follows where they begin.
  func setCapacity(_ rowCapacity: Int, of segment: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE segments SET row_capacity = ? WHERE id = ?", arguments: [rowCapacity, segment])
    try requireChange(db, "segment", segment)
  }

  /// Lets an unfinished generation learn its encoder, and encode everything, once more.
  ///
  /// - Returns: the files to remove after the commit.
  package func forgetEncoder(of generation: Int64, in db: Database) throws -> [String] {
    let files = try generationSegments(of: generation, in: db).compactMap(\.codesFile)
    let encoder = try self.generation(generation, in: db).encoderFile
    try db.execute(
      sql: "UPDATE generation_segments SET codes_file = NULL WHERE generation_id = ?", arguments: [generation]
    )
    try db.execute(sql: "UPDATE generations SET encoder_file = NULL WHERE id = ?", arguments: [generation])
    return files + [encoder].compactMap(\.self)
  }
}
