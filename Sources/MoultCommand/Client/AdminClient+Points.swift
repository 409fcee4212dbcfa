internal import Foundation
internal import MoultModel
internal import MoultServer
internal import NIOCore
internal import NIOHTTP1

extension AdminClient {
  /// Searches with binary queries: `count × dimension` little-endian float32.
  func search(
    _ name: String, queries: ByteBuffer, dimension: Int, options: SearchOptions
  ) async throws -> SearchHits {
    try SearchHits(try await answerToSearch(name, queries: queries, dimension: dimension, options: options))
  }

  private func answerToSearch(
    _ name: String, queries: ByteBuffer, dimension: Int, options: SearchOptions
  ) async throws -> Answer {
    try await send(
      .POST, Self.path(name) + "/search", query: options.query(dimension: dimension),
      body: (queries, "application/octet-stream"), timeout: .seconds(600))
  }

  /// What a load generator needs of an answer to one query; nothing is decoded in full.
  func searchForCounts(
    _ name: String, query: ByteBuffer, dimension: Int, limit: Int
  ) async throws -> LoadGenerator.Answer {
    let answer = try await answerToSearch(
      name, queries: query, dimension: dimension, options: SearchOptions(limit: limit))
    guard let servedBy = answer.servedBy else {
      throw CommandFailure(
        .failure, "an answer came without the headers moult-collection and moult-generation")
    }
    return LoadGenerator.Answer(
      hitCount: Self.occurrences(of: "\"id\":", in: answer.body), servedBy: servedBy)
  }

  /// Ids of the nearest points of each query, in batches that a server takes in one request.
  func nearest(
    _ name: String, queries: QuerySet, options: SearchOptions, batch: Int = 200
  ) async throws -> (ids: [[PointID]], servedBy: ServedBy?) {
    var ids: [[PointID]] = []
    var servedBy: ServedBy?
    for start in stride(from: 0, to: queries.count, by: batch) {
      let range = start..<min(start + batch, queries.count)
      let answer = try await search(
        name, queries: queries.bytes(of: range), dimension: queries.dimension, options: options)
      ids += answer.ids
      servedBy = answer.servedBy
    }
    return (ids, servedBy)
  }

  /// Queries of another dimension may have as many bytes as some of the right one, so this is said early and
  /// with the file's name.
  ///
  /// - Parameter path: where the queries come from.
  func requireDimension(of queries: QuerySet, path: String, of name: String) async throws {
    let collection = try await collection(name)
    let dimension = FieldName.split(name) == nil ? collection.searchDimension : collection.schema.dimension
    guard queries.dimension == dimension else {
      throw CommandFailure(
        .failure,
        "collection '\(collection.name)' stores \(dimension)-dimensional vectors; the "
          + "queries of '\(path)' have \(queries.dimension)",
        next: "give queries that were made as the collection's vectors were")
    }
  }

  private static func occurrences(of text: StaticString, in buffer: ByteBuffer) -> Int {
    buffer.withUnsafeReadableBytes { bytes in
      let length = text.utf8CodeUnitCount
      guard bytes.count >= length else { return 0 }
      var count = 0
      for start in 0...(bytes.count - length) where bytes[start] == text.utf8Start[0] {
        if memcmp(bytes.baseAddress! + start, text.utf8Start, length) == 0 { count += 1 }
      }
      return count
    }
  }
}

extension AdminClient {
  /// Writes points, replacing those with the same ids; durable when it returns.
  ///
  /// - Parameter elementType: `.float16` halves the bytes on the way; every value must be one.
  func upsert(
    _ batch: PointBatch, elementType: CollectionSchema.ElementType, to name: String
  ) async throws {
    _ = try await send(
      .POST, Self.path(name) + "/points", query: [("mode", "upsert")],
      body: (PointFrame(batch, elementType: elementType).encode(), PointFrame.mediaType),
      timeout: .seconds(600))
  }

  /// Points in the order of their ids, after `after`.
  func points(
    of name: String, after: PointID?, limit: Int, vectors: Bool, payload: Bool
  ) async throws -> PointFrame {
    var query = [("limit", String(limit)), ("vectors", String(vectors)), ("payload", String(payload))]
    if let after { query.append(("after", after.description)) }
    let answer = try await send(.GET, Self.path(name) + "/points", query: query, timeout: .seconds(600))
    return try PointFrame(decoding: answer.body)
  }
}
