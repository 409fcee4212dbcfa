import Foundation
import MoultJobs
package import MoultModel
import MoultStorage
import Synchronization

/// Names of vectors that protocols keep about a collection beside the engine's own.
final class ProtocolVectorNames: Sendable {
  private let source = Mutex<(@Sendable (CollectionInfo) -> [String])?>(nil)

  func names(of info: CollectionInfo) -> [String] { source.withLock { $0 }?(info) ?? [] }
  func set(_ names: @escaping @Sendable (CollectionInfo) -> [String]) { source.withLock { $0 = names } }
}

// Sparse vectors that the server makes of texts by BM25: hybrid search over a collection that had dense vectors only.
extension Engine {
  private static let previewPoints = 1_000

  /// Lets a protocol say what vectors a collection has beside those that the engine knows: no other gets their names.
  package func knowVectorNames(by names: @escaping @Sendable (CollectionInfo) -> [String]) {
    resources.protocolVectorNames.set(names)
  }

  /// Gives a live collection a sparse vector, which the server makes of each point's text: with the write of all that comes,
  /// by a job for all that is there. The same again goes on where an earlier job was cancelled.
  ///
  /// - Throws: `invalidArgument` (names, template, weights, none of the first points has a text), `collectionNotFound`,
  ///   `collectionExists` for a name that another vector has, `switchInProgress`.
  func startTextVector(
    _ request: ReembedRequest, name: String, weights: TextVector.Weights
  ) async throws -> JobInfo {
    guard request.target == nil, request.alias == nil, request.labelledQueries.isEmpty,
      request.embedder.isEmpty
    else {
      throw MoultError(
        .invalidArgument,
        "'bm25' makes a sparse vector of the collection itself: it takes no target, embedder, alias and labelledQueries"
      )
    }
    guard let template = request.text else {
      throw MoultError(
        .invalidArgument, "say what text of a point is taken, such as --text '{title}: {body}'")
    }
    try weights.validate()
    try Name.validate(name, what: "field")
    let source = try aliases.resolveReady(request.source)
    try Self.requireWhole(source, request.source)
    let wanted = TextVector(
      name: name, member: "", template: template, fillsMissing: request.missing == .empty, weights: weights)
    try await requireTexts(wanted, in: source)
    return try await names.run {
      let collection = try aliases.resolveReady(source.name)
      return try await collection.holdingWriters { try await self.addTextVector(wanted, to: collection) }
    }
  }

  /// Under all gates.
  private func addTextVector(_ wanted: TextVector, to collection: Collection) async throws -> JobInfo {
    let info = collection.info(aliases: [])
    var texts = info.schema.textVectors ?? TextVectors()
    var vector = wanted
    if let present = texts[wanted.name] {
      guard present.isSame(as: wanted) else {
        throw MoultError(
          .collectionExists,
          "sparse vector '\(wanted.name)' of '\(collection.name)' is made of '\(present.template)'; drop it first "
            + "(`moult collections drop-field \(collection.name) \(wanted.name)`), or choose another name")
      }
      vector = present
    } else {
      let taken =
        collection.withFields.map(\.schema.vectorField) + resources.protocolVectorNames.names(of: info)
      guard !taken.contains(wanted.name) else {
        throw MoultError(
          .collectionExists,
          "collection '\(collection.name)' has a vector '\(wanted.name)' already; choose another name")
      }
      guard texts.vectors.count < TextVectors.countMax else {
        throw MoultError(
          .invalidArgument,
          "collection '\(collection.name)' has \(TextVectors.countMax) vectors of texts, the most")
      }
      vector.member = TextVector.memberPrefix + "\(texts.made)"
      texts.made += 1
      texts.vectors.append(vector)
    }
    let arguments = TextVectorJob.Arguments(collection: collection.id, members: [vector.member])
    let record = try await resources.setSchema(of: collection) { [texts] in
      $0.textVectors = texts
    } also: { [resources] db in
      try self.ensureNoJob(on: collection, in: db)
      let waiting = try resources.queue.unfinished(subject: collection.name, in: db).first {
        $0.kind == TextVectorJob.kind
          && (try? JSONDecoder().decode(TextVectorJob.Arguments.self, from: $0.arguments))?.members
            == arguments.members
      }
      if let waiting { return waiting }
      let id = try resources.queue.enqueue(
        in: db, kind: TextVectorJob.kind, subject: collection.name,
        arguments: try JSONEncoder().encode(arguments),
        options: .init(priority: Upkeep.priority))
      return try resources.queue.record(id, in: db)
    }
    return JobInfo(record)
  }

  private func requireTexts(_ wanted: TextVector, in source: Collection) async throws {
    let template = try TextTemplate(wanted.template)
    let first = try await resources.directory.read { db in
      try source.points.scanLive(afterRow: -1, limit: Self.previewPoints, payloads: true, in: db)
    }
    let hasText = first.contains { point in
      if case .text = template.render(point.payload, fillsMissing: wanted.fillsMissing) {
        true
      } else {
        false
      }
    }
    guard first.isEmpty || hasText else {
      throw MoultError(
        .invalidArgument,
        "none of the first \(first.count) points of '\(source.name)' has a text for '\(wanted.template)'; look at the "
          + "names in the template")
    }
  }

  /// Removes a sparse vector that the server makes of texts. What points hold of it is never told again and goes when they
  /// are written.
  func dropTextVector(_ name: String, from collection: Collection) async throws {
    let requester = Requester.name
    try await collection.holdingWriters {
      try await resources.setSchema(of: collection) {
        $0.textVectors?.vectors.removeAll { $0.name == name }
      } also: { [resources] db in
        try self.ensureNoJob(on: collection, in: db)
        try resources.directory.catalog.record(
          HistoryEntry(
            action: .collectionDropped, name: FieldName.joined(collection.name, name), requestedBy: requester),
          in: db)
      }
    }
  }
}
