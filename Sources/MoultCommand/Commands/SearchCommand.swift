internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultModel
internal import MoultServer

/// `moult search`: nearest points of queries from a file.
struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Search a collection with the queries of a file.",
    discussion: """
      One line a hit: query, rank, id, score, payload. With --truth, recall against those neighbours is \
      printed instead, with its 95 % interval.
      """)

  @Argument(help: "Name of a collection or alias.")
  var name: String
  @Option(help: "File of queries (.npy, .fvecs).")
  var vectors: String?
  @Option(help: "A text to search for in place of --vectors; the collection's own model embeds it.")
  var text: String?
  @Option(
    help:
      "The model that embeds --text, in place of the collection's own: one that a re-embedding is at work with."
  )
  var model: String?
  @Option(help: "Hits a query.")
  var limit = 10
  @Option(help: "Use only the first queries of the file.")
  var first: Int?
  @Flag(help: "Score every full-precision vector instead of codes.")
  var exact = false
  @Option(help: "Candidates kept while a graph is searched.")
  var ef: Int?
  @Option(help: "Lists of an inverted file that each segment's search looks into.")
  var probes: Int?
  @Option(help: "Candidates per hit that are rescored with full precision; overrides the generation's.")
  var oversampling: Double?
  @Flag(
    help:
      "Also of a vector field that is still being filled: only points that have a vector in it are found.")
  var allowPartial = false
  @Option(help: "File of true neighbours (.npy of int32 or int64, .ivecs); prints recall.")
  var truth: String?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if (vectors == nil) == (text == nil) { throw ValidationError("give --vectors or --text") }
    if model != nil && text == nil { throw ValidationError("--model is about --text") }
    if text != nil && truth != nil { throw ValidationError("--truth is about --vectors") }
    if limit < 1 { throw ValidationError("--limit must be at least 1, got \(limit)") }
    if let first, first < 1 { throw ValidationError("--first must be at least 1, got \(first)") }
  }

  func run() async throws {
    let options = SearchOptions(
      limit: limit, exact: exact, ef: ef, probes: probes, oversampling: oversampling, payload: truth == nil,
      allowPartial: allowPartial)
    guard let vectors else {
      let answer = try await server.withClient {
        try await $0.search(name, texts: text.map { [$0] } ?? [], model: model, options: options)
      }
      for (index, hits) in answer.hits.enumerated() { put(hits, query: index, servedBy: answer.servedBy) }
      return
    }
    let queries = try QuerySet(path: vectors, first: first)
    try await server.withClient { client in
      try await client.requireDimension(of: queries, path: vectors, of: name)
      if let truth {
        try await measureRecall(client, queries, options, truth)
      } else {
        try await printHits(client, queries, options)
      }
    }
  }

  private func printHits(_ client: AdminClient, _ queries: QuerySet, _ options: SearchOptions) async throws {
    let batch = 200
    for start in stride(from: 0, to: queries.count, by: batch) {
      let range = start..<min(start + batch, queries.count)
      let answer = try await client.search(
        name, queries: queries.bytes(of: range), dimension: queries.dimension, options: options)
      for (index, hits) in answer.hits.enumerated() {
        put(hits, query: start + index, servedBy: answer.servedBy)
      }
    }
  }

  private func put(_ hits: [SearchHit], query: Int, servedBy: ServedBy?) {
    if output.json {
      Console.put(Self.json(hits, query: query, servedBy: servedBy))
      return
    }
    for (rank, hit) in hits.enumerated() {
      Console.put("\(query)\t\(rank + 1)\t\(hit.id)\t\(hit.score)\t\(hit.payload ?? "")")
    }
  }

  /// One line a query; payloads are written as they were stored.
  private static func json(_ hits: [SearchHit], query: Int, servedBy: ServedBy?) -> String {
    var json = JSONWriter()
    json.beginObject()
    json.member("query", query)
    if let servedBy {
      json.member("collection", servedBy.collection)
      json.member("generation", servedBy.generation)
    }
    json.key("hits")
    json.beginArray()
    for hit in hits {
      json.beginObject()
      switch hit.id {
      case .int64(let value): json.member("id", value)
      case .string(let text): json.member("id", text)
      }
      json.member("score", hit.score)
      if let payload = hit.payload { json.member("payload", raw: payload) }
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private func measureRecall(
    _ client: AdminClient, _ queries: QuerySet, _ options: SearchOptions, _ path: String
  ) async throws {
    let truth = try GroundTruth(path: path, k: limit, queryCount: queries.count)
    let clock = ContinuousClock()
    let start = clock.now
    let (ids, servedBy) = try await client.nearest(name, queries: queries, options: options)
    let seconds = (clock.now - start).inSeconds
    let recall = truth.recall(ofIDs: ids)

    struct Report: Encodable {
      var recall: MeasuredRecall
      var seconds: Double
      var collection: String?
      var generation: Int64?
    }
    let report = Report(
      recall: recall, seconds: seconds, collection: servedBy?.collection, generation: servedBy?.generation)
    try output.put(report) { report in
      "recall@\(limit) \(report.recall.text) over \(queries.count) queries"
    }
  }
}
