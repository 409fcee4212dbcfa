internal import MoultFiles
internal import MoultModel
internal import MoultServer

/// Writes a collection to files, in the order of its ids.
struct Exporter {
  /// What an export wrote.
  struct Report: Codable, Sendable, Equatable {
    var collection: String
    var rows: Int
    var vectors: String
    var payload: String?
    var seconds: Double
  }

  let client: AdminClient
  let name: String
  let vectorsPath: String
  let payloadPath: String?
  /// Number type of the vectors; `nil` is the collection's own.
  let elementType: CollectionSchema.ElementType?
  let force: Bool

  private static let pageRows = 1000

  func run() async throws -> Report {
    let clock = ContinuousClock()
    let start = clock.now
    let collection = try await client.collection(name)
    guard !collection.schema.hasPlaceholder else {
      let field = collection.schema.searchField ?? collection.fields.first?.name ?? "FIELD"
      throw CommandFailure(
        .failure, "collection '\(collection.name)' has no first vector field",
        next: "`moult export \(FieldName.joined(collection.name, field))` writes the vectors of one field")
    }
    let vectors = try VectorFileWriter(
      path: vectorsPath, elementType: elementType ?? collection.schema.elementType,
      dimension: collection.schema.dimension, force: force)
    let payload = try payloadPath.map { try JSONLinesWriter(path: $0, force: force) }
    var bar = ProgressBar()
    defer { bar.clear() }
    var after: PointID?
    while true {
      let page = try await client.points(
        of: collection.name, after: after, limit: Self.pageRows, vectors: true, payload: payload != nil)
      guard page.count > 0 else { break }
      try Self.append(page.vectors, to: vectors)
      if let payload {
        for index in 0..<page.count {
          let text = page.payloads.isEmpty ? "" : page.payloads[index]
          try payload.append(text.isEmpty ? "{}" : text)
        }
      }
      after = page.ids.last
      bar.show(
        phase: "export \(name)", done: Int64(vectors.rowCount), total: Int64(collection.count))
    }
    try vectors.close()
    try payload?.close()
    return Report(
      collection: collection.name, rows: vectors.rowCount, vectors: vectorsPath, payload: payloadPath,
      seconds: (clock.now - start).inSeconds)
  }

  private static func append(_ rows: [Float], to writer: VectorFileWriter) throws {
    do {
      try writer.append(rows)
    } catch let error where error.code == .unsupported {
      // Only float16 cannot hold every value.
      throw CommandFailure(.failure, error.message, next: "`--type float32` writes every value as it is")
    }
  }
}
