package import GRDB
package import MoultModel

/// Written in the transaction of the change itself, so there is no change without its entry, and no entry without
/// its change.
extension Catalog {
  /// Adds an entry; its `id` and `at` are given here.
  package func record(_ entry: HistoryEntry, in db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO history (at, action, name, before, after, detail, job, requested_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        now(), entry.action.rawValue, entry.name, entry.before, entry.after, entry.detail, entry.job,
        entry.requestedBy,
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
    ).map(HistoryEntry.init(row:))
  }

  /// The newest entry by which something else took the place of `before`.
  ///
  /// - Parameters:
  ///   - name: only of this alias or collection.
  ///   - since: not older; what had the name earlier was something else.
  package func replacement(
    of before: String, by action: HistoryEntry.Action, named name: String? = nil, since: Int64,
    in db: Database
  ) throws -> HistoryEntry? {
    try Row.fetchOne(
      db,
      sql: """
        SELECT * FROM history
        WHERE action = :action AND before = :before AND (:name IS NULL OR name = :name) AND at >= :since
        ORDER BY id DESC LIMIT 1
        """,
      arguments: ["action": action.rawValue, "before": before, "name": name, "since": since]
    ).map(HistoryEntry.init(row:))
  }

  /// The newest comparison, to pass or fail, of what answers with what may take its place, not older than `since`.
  package func comparison(
    of name: String, with other: String, since: Int64, in db: Database
  ) throws -> HistoryEntry? {
    try Row.fetchOne(
      db,
      sql: """
        SELECT * FROM history
        WHERE action IN (:passed, :failed) AND name = :name AND after = :other AND at >= :since
        ORDER BY id DESC LIMIT 1
        """,
      arguments: [
        "passed": HistoryEntry.Action.comparisonPassed.rawValue,
        "failed": HistoryEntry.Action.comparisonFailed.rawValue, "name": name, "other": other, "since": since,
      ]
    ).map(HistoryEntry.init(row:))
  }
}

extension HistoryEntry {
  init(row: Row) throws {
    let id: Int64 = row["id"]
    self.init(
      id: id, at: row["at"], action: try decodeState(row["action"], "action of history \(id)"),
      name: row["name"], before: row["before"], after: row["after"], detail: row["detail"], job: row["job"],
      requestedBy: row["requested_by"])
  }
}

extension GenerationRecord {
  /// As the history names it.
  package var label: String { "\(id) \(specification.quantization.rawValue)" }
}
