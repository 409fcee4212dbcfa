internal import Foundation
internal import Logging
internal import MoultBenchmark
internal import MoultEngine
internal import MoultMilvus
internal import MoultModel
internal import MoultServer

/// The same searches by the engine alone and over REST, in one process: what a request costs beyond its search.
///
/// One client, one query a request, a connection that is kept. Both take turns, a few hundred searches at a time, so
/// that what else the machine does meets both alike.
struct RequestBenchmark {
  struct Result: Sendable {
    var engine: LatencySummary
    var rest: LatencySummary
    /// What both found, query by query.
    var found: [[PointID]]
  }

  let data: BenchmarkData
  let k: Int
  let requestCount: Int

  private static let collection = "moult_bench_request"
  private static let batchRows = 1_000
  /// Searches of one kind before the other's turn.
  private static let turn = 250
  private static let token = "bench"

  func run() async throws -> Result {
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    var logger = Logger(label: "moult")
    logger.logLevel = .error
    let engine = try await Engine.open(
      EngineConfiguration(dataDirectory: directory.path + "/data"), logger: logger)
    let configuration = ServerConfiguration(
      host: "127.0.0.1", port: 0, tokens: AccessTokens(readWrite: Self.token), version: Version.current)
    let server = Server(
      engine: engine, configuration: configuration,
      protocols: [MilvusAPI(engine: engine, bodyBytesMax: configuration.bodyBytesMax)], logger: logger)
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    async let running: Void = server.run(handlesSignals: false) { listening.yield($0) }
    guard let port = await ports.first(where: { _ in true }) else {
      throw CommandFailure(.failure, "the server did not start")
    }
    do {
      let result = try await measure(engine, port: port)
      await server.shutDown()
      try await running
      return result
    } catch {
      await server.shutDown()
      try? await running
      throw error
    }
  }

  private func measure(_ engine: Engine, port: Int) async throws -> Result {
    try await fill(engine)
    let queryCount = data.queries.count / data.dimension
    let requests = (0..<queryCount).map { request(query: $0) }
    let connection = Exclusive(try BlockingConnection(port: port))
    var found = [[PointID]](repeating: [], count: queryCount)
    var (alone, overREST): ([Double], [Double]) = ([], [])
    // The first turn of each warms up.
    var turn = 0
    while overREST.count < requestCount {
      let places = (0..<Self.turn).map { (turn / 2 * Self.turn + $0) % queryCount }
      if turn.isMultiple(of: 2) {
        for place in places {
          let search = SearchRequest(
            queries: Array(data.queries[place * data.dimension..<(place + 1) * data.dimension]),
            dimension: data.dimension, limit: k)
          let start = ContinuousClock.now
          let response = try await engine.search(search, in: Self.collection)
          let taken = (ContinuousClock.now - start).inSeconds
          if turn > 1 { alone.append(taken) }
          found[place] = response.hits[0].map(\.id)
        }
      } else {
        let (seconds, answers) = try await connection.run { connection in
          try places.map { place in
            let start = ContinuousClock.now
            let body = try connection.exchange(requests[place])
            return ((ContinuousClock.now - start).inSeconds, Array(body))
          }.reduce(into: ([Double](), [[UInt8]]())) {
            $0.0.append($1.0)
            $0.1.append($1.1)
          }
        }
        if turn > 1 { overREST += seconds }
        try check(answers, places, found)
      }
      turn += 1
    }
    return Result(
      engine: LatencySummary(seconds: alone), rest: LatencySummary(seconds: overREST), found: found)
  }

  private func fill(_ engine: Engine) async throws {
    _ = try await engine.createCollection(
      Self.collection, schema: CollectionSchema(dimension: data.dimension, metric: data.metric))
    for first in stride(from: 0, to: data.rowCount, by: Self.batchRows) {
      let rows = first..<min(first + Self.batchRows, data.rowCount)
      _ = try await engine.write(
        PointBatch(
          ids: rows.map { .int64(Int64($0)) },
          vectors: Array(data.vectors[rows.lowerBound * data.dimension..<rows.upperBound * data.dimension]),
          dimension: data.dimension), to: Self.collection, mode: .upsert)
    }
  }

  /// A search as Milvus' clients send it.
  private func request(query: Int) -> [UInt8] {
    var json = JSONWriter(capacity: data.dimension * 12)
    json.beginObject()
    json.member("collectionName", Self.collection)
    json.key("data")
    json.beginArray()
    json.value(data.queries[query * data.dimension..<(query + 1) * data.dimension])
    json.endArray()
    json.member("limit", k)
    json.endObject()
    let head = """
      POST /v2/vectordb/entities/search HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(Self.token)\r\n\
      Content-Type: application/json\r\nContent-Length: \(json.bytes.count)\r\n\r\n
      """
    return Array(head.utf8) + json.bytes
  }

  /// - Throws: when REST found something else than the engine.
  private func check(_ answers: [[UInt8]], _ places: [Int], _ found: [[PointID]]) throws {
    for (answer, place) in zip(answers, places) {
      let hits = (try JSONReader.parse(answer))["data"]?.array ?? []
      guard hits.compactMap({ $0["id"]?.int }).map({ PointID.int64($0) }) == found[place] else {
        throw CommandFailure(
          .failure,
          "query \(place): REST answered otherwise than the engine: \(String(decoding: answer, as: UTF8.self))"
        )
      }
    }
  }
}

/// Something that only a thread of its own uses, one call after the other.
private final class Exclusive<Value>: @unchecked Sendable {
  private let value: Value
  private let queue = DispatchQueue(label: "moult.bench.client")

  init(_ value: Value) { self.value = value }

  func run<Answer: Sendable>(_ body: @escaping @Sendable (Value) throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { [self] in continuation.resume(with: Swift.Result { try body(value) }) }
    }
  }
}
