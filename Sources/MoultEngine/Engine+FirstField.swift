import GRDB
import Logging
import MoultJobs
import MoultModel
import MoultStorage

// The first vector field, by which a collection keeps its rows: see `PlaceholderField`.
extension Engine {
  /// Puts a placeholder in the place of the first field. Under the gate of names.
  ///
  /// - Throws: `switchInProgress` while any job is at work on the collection, also one that only keeps it in shape: it holds
  ///   the collection as it was. `invalidArgument` when the placeholder's name is taken, `diskFull`.
  func dropFirstField(of collection: Collection) async throws {
    let taken = [collection.schema.keyField] + collection.fields.map(\.schema.vectorField)
    guard !taken.contains(PlaceholderField.name) else {
      throw MoultError(
        .invalidArgument,
        "'\(PlaceholderField.name)' of '\(collection.name)' has the name of what would take the first field's place"
      )
    }
    let requester = Requester.name
    let obsolete = try await resources.embedders.gate.run {
      try await collection.holdingWriters { [resources, aliases] in
        try await resources.writing.run {
          let drop = FirstFieldDrop(directory: resources.directory, collection: collection)
          let (fresh, obsolete) = try drop.run(requestedBy: requester) { db in
            try self.requireIdle(collection, in: db)
          }
          fresh.setFields(collection.fields)
          aliases.publish { $0.collections[fresh.name] = fresh }
          resources.embedders.set(nil, ofCollection: fresh.id)
          MergeJob.enqueueIfNeeded(for: fresh, in: resources)
          return obsolete
        }
      }
    }
    // Readers of a moment ago keep their mappings; only the names go.
    do { try resources.directory.removeFiles(obsolete) } catch {
      resources.logger.warning(
        "files of the first field of '\(collection.name)' remain until the next start: \(error)")
    }
  }

  private func requireIdle(_ collection: Collection, in db: Database) throws {
    let own = try resources.queue.unfinished(subject: collection.name, in: db)
    // It writes points, whose field it fills.
    let filling = try collection.fields.flatMap { field in
      try resources.queue.unfinished(subject: field.name, in: db).filter { $0.kind == FieldEmbeddingJob.kind }
    }
    guard let job = (own + filling).first else { return }
    throw MoultError(
      .switchInProgress,
      "job \(job.id) (\(job.kind)) is at work on '\(job.subject)', and the first vector field goes when none is; wait for it "
        + "or cancel it first")
  }

  /// The form that a copy's first field gets. A placeholder has no use for any.
  ///
  /// - Throws: `invalidArgument` for one that was asked for and could mean nothing.
  static func form(
    _ asked: EncodingSpecification, ofCopyOf source: Collection
  ) throws -> EncodingSpecification {
    guard source.hasPlaceholder else { return asked }
    guard asked.isIdentity else { throw source.lacksFirstField }
    return EncodingSpecification()
  }
}

extension Collection {
  /// Whether its points have no vector of its own, but of its fields at most.
  var hasPlaceholder: Bool { parentID == nil && schema.hasPlaceholder }

  /// Of the first field, if points have vectors of it, and of the others.
  var fieldNames: [String] { (hasPlaceholder ? fields : withFields).map(\.schema.vectorField) }

  /// For what is about one vector field.
  var lacksFirstField: MoultError {
    let example = FieldName.joined(name, fieldNames.first ?? "FIELD")
    return MoultError(
      .invalidArgument,
      "'\(name)' has no first vector field: say which field is meant, as in '\(example)'")
  }

  func requireFirstField() throws {
    if hasPlaceholder { throw lacksFirstField }
  }
}
