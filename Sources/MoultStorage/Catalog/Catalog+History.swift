package import GRDB
package import MoultModel

/// Written in the transaction of the change itself, so there is no change without its entry, and no entry without
/// its change.
extension Catalog {
  /// Adds an entry; its `id` and `at` are given here.
  package func record(_ entry: HistoryEntry, in db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO history (at, action, name, before, after, job, requested_by) VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        now(), entry.action.rawValue, entry.name, entry.before, entry.after, entry.job, entry.requestedBy,
      ])
  }

  /// Newest first.
  ///
  /// - Parameters:
  ///   - name: only those of this alias or collection.
  ///   - before: only those with a lower id.
  package func history(
    of name: String? = nil, before: Int64? = nil, limit: Int, in db: Database
  ) throws -> [HistoryEntry] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT * FROM history WHERE (:name IS NULL OR name = :name) AND id < coalesce(:before, id + 1)
        ORDER BY id DESC LIMIT :limit
        """,
      arguments: ["name": name, "before": before, "limit": limit]
    ).map { row in
      let id: Int64 = row["id"]
      return HistoryEntry(
        id: id, at: row["at"], action: try decodeState(row["action"], "action of history \(id)"),
        name: row["name"], before: row["before"], after: row["after"], job: row["job"],
        requestedBy: row["requested_by"])
    }
  }
}

extension GenerationRecord {
  /// As the history names it.
  package var label: String { "\(id) \(specification.quantization.rawValue)" }
}
