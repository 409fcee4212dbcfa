package import MoultModel
import MoultStorage

extension Engine {
  /// Changes of aliases and generations, newest first. What is gone stays in it.
  ///
  /// - Parameters:
  ///   - name: only those of this alias or collection.
  ///   - before: only those with a lower id, to read on.
  /// - Throws: `invalidArgument` (limit).
  package func history(
    of name: String? = nil, before: Int64? = nil, limit: Int = 100
  ) throws -> [HistoryEntry] {
    guard (1...10_000).contains(limit) else {
      throw MoultError(.invalidArgument, "limit must be in 1 … 10000, got \(limit)")
    }
    return try resources.publication.hold {
      try resources.directory.read { db in
        try resources.directory.catalog.history(of: name, before: before, limit: limit, in: db)
      }
    }
  }
}
