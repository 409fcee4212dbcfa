import Logging
import MoultModel
import Synchronization

/// Searches of vectors that not all points have yet, because a job is still making them: what of them was told when.
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
  /// What a search of a vector field lacks while a model fills it; `nil` when nothing.
  func lacking(_ field: Collection) -> String? {
    guard fieldEmbeddings.isBeingFilled(field.id) else { return nil }
    return lacking(field.name, filled: field.snapshot.liveCount, of: field.whole.snapshot.liveCount)
  }

  private func lacking(_ name: String, filled: Int, of total: Int) -> String? {
    guard filled < total else { return nil }
    return
      "vector field '\(name)' is being filled: \(filled) of \(total) points have a vector in it, and a search finds "
      + "no others"
  }

  /// - Throws: `collectionNotReady` for a field that is being filled.
  func requireFilled(_ field: Collection) throws {
    guard let lacking = lacking(field) else { return }
    throw MoultError(
      .collectionNotReady,
      lacking + ". Wait for its job (`moult jobs list`; `moult reembed` again where it was cancelled), "
        + "or ask for what is there (--allow-partial, \"allowPartial\": true)")
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
