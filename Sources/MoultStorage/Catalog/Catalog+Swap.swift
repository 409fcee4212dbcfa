package import GRDB
import MoultModel

/// A collection's generations after a swap.
package struct GenerationSwapRecord: Sendable, Equatable {
  package let current: GenerationRecord
  package let previous: GenerationRecord?
  /// Retained generations that no pointer names any more: ready to be deleted.
  package let superseded: [GenerationRecord]
}

/// The pointer moves. Nothing is copied and no file is touched; old readers keep what they hold.
extension Catalog {
  /// Makes a built generation the current one: the old current one becomes the previous.
  ///
  /// The first generation of a collection under construction is current already; publishing makes it
  /// live and leaves nothing to roll back to. Publishing what is live changes nothing.
  ///
  /// - Throws: `internalError` when the generation belongs to another collection.
  package func publishGeneration(
    _ id: Int64, of collectionID: Int64, in db: Database
  ) throws -> GenerationSwapRecord {
    let collection = try collection(collectionID, in: db)
    let next = try generation(id, in: db)
    guard next.collectionID == collectionID else {
      throw MoultError(
        .internalError,
        "generation \(id) belongs to collection \(next.collectionID), not to \(collectionID)")
    }
    if collection.currentGeneration != id {
      try move(collectionID, current: id, previous: collection.currentGeneration, in: db)
    } else if next.state != .live {
      try setState(.live, of: id, in: db)
    }
    return try swapRecord(of: collectionID, in: db)
  }

  /// Current and previous change places, so that a second rollback undoes the first.
  ///
  /// - Throws: `nothingToRollBack`.
  package func rollback(_ collectionID: Int64, in db: Database) throws -> GenerationSwapRecord {
    let collection = try collection(collectionID, in: db)
    guard let previous = collection.previousGeneration else {
      throw MoultError(
        .nothingToRollBack, "collection '\(collection.name)' has no earlier generation to go back to")
    }
    try move(collectionID, current: previous, previous: collection.currentGeneration, in: db)
    return try swapRecord(of: collectionID, in: db)
  }

  private func move(_ collectionID: Int64, current: Int64, previous: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE collections SET current_generation = ?, previous_generation = ? WHERE id = ?",
      arguments: [current, previous, collectionID])
    try setState(.retained, of: previous, in: db)
    try setState(.live, of: current, in: db)
  }

  private func setState(_ state: GenerationRecord.State, of id: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE generations SET state = ?, published_at = coalesce(?, published_at) WHERE id = ?",
      arguments: [state.rawValue, state == .live ? now() : nil, id])
    try requireChange(db, "generation", id)
  }

  private func swapRecord(of collectionID: Int64, in db: Database) throws -> GenerationSwapRecord {
    let collection = try collection(collectionID, in: db)
    let superseded = try generations(of: collectionID, in: db).filter {
      $0.state == .retained && $0.id != collection.previousGeneration
    }
    return GenerationSwapRecord(
      current: try generation(collection.currentGeneration, in: db),
      previous: try collection.previousGeneration.map { try generation($0, in: db) },
      superseded: superseded)
  }
}
