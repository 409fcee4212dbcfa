import Logging
import MoultModel
import MoultStorage
import Synchronization

/// Searches of vectors that not all points have yet, because a job or a client is still filling them: what of them was
/// told when.
final class PartialSearches: Sendable {
  private static let quietSeconds = 60.0
  private let told = Mutex<[String: ContinuousClock.Instant]>([:])

  /// Says no more than once a minute that one was answered.
  func warn(_ message: @autoclosure () -> String, about name: String, _ logger: Logger) {
    let now = ContinuousClock.now
    let isNew = told.withLock { told in
      if let last = told[name], last.secondsToNow < Self.quietSeconds { return false }
      told[name] = now
      return true
    }
    if isNew { logger.warning("\(message())") }
  }
}

extension Engine {
  /// What searches of a collection lack while its vectors are being made, a sentence for each.
  package func fillsUnderWay(of name: String) throws -> [String] {
    let collection = try aliases.resolve(name).whole
    return collection.fields.compactMap { resources.lacking($0) }
      + collection.textVectors.filter { !$0.isFilled }.map { resources.lacking($0, of: collection) }
  }
}

extension EngineResources {
  /// What a search of a vector field lacks while it is being filled; `nil` when nothing.
  func lacking(_ field: Collection) -> String? {
    // A model that fills it knows best: it leaves out points without a text, and is done all the same.
    let isBeingFilled =
      fieldEmbeddings[field.id] == nil ? field.isPartial : fieldEmbeddings.isBeingFilled(field.id)
    guard isBeingFilled else { return nil }
    let (filled, total) = field.whole.coverage(of: field)
    guard filled < total else { return nil }
    return
      "vector field '\(field.name)' is being filled: \(filled) of \(total) points have a vector in it, and a search finds "
      + "no others"
  }

  /// Called after a write: a field that was added to points is a field as any other once all of them have a vector.
  func noteCompleteFields(of collection: Collection) {
    // One that is being copied is not full because it is empty.
    guard collection.isReady else { return }
    for field in collection.fields where field.isPartial {
      let (filled, total) = collection.coverage(of: field)
      guard filled == total else { continue }
      do {
        try directory.write { db in try directory.catalog.setComplete(field.id, in: db) }
        field.markComplete()
      } catch { logger.warning("that '\(field.name)' is filled is noted after the next write: \(error)") }
    }
  }

  /// - Throws: `collectionNotReady` for a field that is being filled.
  func requireFilled(_ field: Collection) throws {
    guard let lacking = lacking(field) else { return }
    let rest =
      fieldEmbeddings[field.id] == nil
      ? "Write vectors of the other points"
      : "Wait for its job (`moult jobs list`; `moult reembed` again where it was cancelled)"
    throw MoultError(
      .collectionNotReady,
      lacking + ". \(rest), or ask for what is there (--allow-partial, \"allowPartial\": true)")
  }

  /// Of a search that was asked for.
  func checkCoverage(of field: Collection, refuses: Bool) throws {
    guard field.parentID != nil else { return }
    if refuses || configuration.refusesPartialFields {
      try requireFilled(field)
    } else if let lacking = lacking(field) {
      partialSearches.warn(lacking, about: field.name, logger)
    }
  }

  func lacking(_ vector: TextVector, of collection: Collection) -> String {
    "sparse vector '\(vector.name)' of '\(collection.name)' is being filled, and a search finds no points that have none yet"
  }

  /// Of a search in vectors that the server makes of texts.
  func checkCoverage(ofMember member: String, of collection: Collection) throws {
    guard let vector = collection.textVectors.first(where: { $0.member == member }), !vector.isFilled else {
      return
    }
    let lacking = lacking(vector, of: collection)
    guard !configuration.refusesPartialFields else {
      throw MoultError(.collectionNotReady, lacking + "; wait for its job (`moult jobs list`)")
    }
    partialSearches.warn(lacking, about: collection.name + "\n" + vector.name, logger)
  }
}
