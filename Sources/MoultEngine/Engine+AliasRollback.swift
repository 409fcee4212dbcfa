import Foundation
package import MoultModel
import MoultStorage

extension Engine {
  /// Undoes the newest change of what answers under a name: a switch by the generation before, and the cut-over of a
  /// reindex or re-embedding, where the name is the alias that it moved, by moving that back to the collection that
  /// answered before. Asked for again, it undoes that.
  ///
  /// What was written to one of the two collections since the cut-over is not in the other.
  ///
  /// - Parameters:
  ///   - ifCurrent: do it only if that generation is live now (else `generationConflict`).
  ///   - force: move the alias although there are such writes; they stay in the collection that it leaves.
  /// - Returns: what answers now.
  /// - Throws: `generationConflict` where such writes would be lost from sight; as ``rollback(_:ifCurrent:)``.
  package func goBack(
    _ name: String, ifCurrent: Int64? = nil, force: Bool = false
  ) async throws -> (collection: String, generation: GenerationInfo) {
    let moved = try await names.run { try await moveBack(name, ifCurrent: ifCurrent, force: force) }
    if let moved { return (moved.name, moved.snapshot.live.info(state: .live)) }
    let own = try aliases.resolveReady(name).name
    return (own, try await rollback(own, ifCurrent: ifCurrent))
  }

  private static let countedChangesMax = 100_000

  private static func counted(_ changes: Int) -> String {
    changes > countedChangesMax ? "more than 100,000" : "\(changes)"
  }

  /// - Returns: the collection that answers now; `nil` where the alias has not moved last.
  private func moveBack(_ alias: String, ifCurrent: Int64?, force: Bool) async throws -> Collection? {
    let map = aliases.current
    guard map.aliases[alias] != nil else { return nil }
    let current = try map.ready(alias)
    let record = try await resources.directory.read { [resources] db in
      try resources.directory.catalog.cutOver(of: alias, withCollection: current.id, in: db)
    }
    // A generation that went live later was the newest change.
    guard let record, record.at >= current.snapshot.live.publishedAt ?? 0 else { return nil }
    let isTarget = record.target == current.id
    let otherID = isTarget ? record.source : record.target
    guard let other = map.collections.values.first(where: { $0.id == otherID }) else {
      throw MoultError(
        .corrupted,
        "the collection that '\(alias)' stood for before could not be opened; `moult verify` says what is wrong"
      )
    }
    let parts = (current.withFields + other.withFields).sorted { $0.id < $1.id }
    let requester = Requester.name
    // Whoever waits to write finds the other one.
    try await Collection.holdingWriters(of: parts[...]) { [resources, aliases] in
      try await resources.writing.run {
        if let ifCurrent, ifCurrent != current.snapshot.live.id {
          throw MoultError(
            .generationConflict,
            "'\(current.name)' is answered by generation \(current.snapshot.live.id), not by \(ifCurrent); nothing was "
              + "changed")
        }
        // Writers wait: what is not asked for is not counted.
        if !force {
          let mark = isTarget ? record.targetMark : record.sourceMark
          let lost = try resources.directory.read { db in
            try current.points.changed(
              sinceRow: mark.nextRow, sequence: mark.sequence, limit: Self.countedChangesMax, in: db)
          }
          guard lost.written == 0, lost.deleted == 0 else {
            throw MoultError(
              .generationConflict,
              "since '\(alias)' moved, \(Self.counted(lost.written)) points were written to '\(current.name)' and "
                + "\(Self.counted(lost.deleted)) deleted from it, which '\(other.name)' knows nothing of; nothing was "
                + "changed. Write them there too, or go back without them (--force): they stay in '\(current.name)'"
            )
          }
        }
        try other.snapshot.requireSound(other.snapshot.live, parallel: resources.searching.parallelFor)
        try resources.directory.write { db in
          let catalog = resources.directory.catalog
          try catalog.setAlias(alias, to: other.id, in: db)
          try catalog.record(
            HistoryEntry(
              action: .aliasRolledBack, name: alias, before: current.name, after: other.name,
              requestedBy: requester), in: db)
        }
        aliases.publish { $0.aliases[alias] = other.name }
      }
    }
    return other
  }
}
