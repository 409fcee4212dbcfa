import Logging
import MoultEmbedding
import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import MoultTesting
import ServiceLifecycle
import Testing

/// An engine that may call a stand-in endpoint, with a collection of words whose vectors are of another model.
final class ReembedHarness: Sendable {
  let directory: TemporaryDirectory
  let engine: Engine
  private let models: EmbedderDirectory
  private let services: ServiceGroup
  private let running: Task<Void, any Error>

  init(
    directory: TemporaryDirectory = TemporaryDirectory(), _ endpoint: StandInEndpoint, folder: String? = nil,
    others: [StandInEndpoint] = [],
    embeddingCacheBytes: Int = EngineConfiguration.defaultEmbeddingCacheBytes
  )
    async throws
  {
    var logger = Logger(label: "reembed-test")
    logger.logLevel = .critical
    self.directory = directory
    engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: directory.path, computeThreads: 2, segmentRowsMax: 2_000,
        embeddingCacheBytes: embeddingCacheBytes),
      logger: logger)
    models = EmbedderDirectory(hosts: try EmbedderHosts(([endpoint] + others).map(\.host)), folder: folder)
    engine.callEmbedders(with: models)
    let services = ServiceGroup(services: engine.backgroundServices, logger: logger)
    self.services = services
    running = Task { try await services.run() }
  }

  /// Stops the workers as a server does, and gives the data directory back.
  func shutDown() async throws {
    await services.triggerGracefulShutdown()
    try await running.value
    await engine.close()
    await models.shutdown()
  }

  func addEmbedder(
    _ endpoint: StandInEndpoint, name: String = "new", _ change: (inout Embedder) -> Void = { _ in }
  ) async throws {
    var embedder = Embedder(
      name: name, url: endpoint.url, model: StandInEndpoint.model, dimension: StandInEndpoint.dimension,
      queryPrefix: "", batchTexts: 32)
    change(&embedder)
    try await engine.addEmbedder(embedder)
  }

  static let oldDimension = 8

  static func payload(_ word: String) -> String { #"{"word":"\#(word)","tags":["a","b"]}"# }
  static let template = "{word}: {tags}"
  static func text(_ word: String) -> String { "\(word): a, b" }

  /// Points 0 ..< `count`, whose words are `word(id)`.
  func fill(_ name: String, count: Int, word: (Int) -> String = { "word \($0)" }) async throws {
    _ = try await engine.createCollection(name, schema: CollectionSchema(dimension: Self.oldDimension))
    for first in stride(from: 0, to: count, by: 500) {
      let ids = first..<min(count, first + 500)
      try await write(ids.map { (Int64($0), Self.payload(word($0))) }, to: name)
    }
  }

  func write(_ points: [(id: Int64, payload: String)], to name: String) async throws {
    let vectors = points.flatMap { point in
      var random = SeededGenerator(seed: UInt64(bitPattern: point.id))
      return random.unitVector(dimension: Self.oldDimension)
    }
    _ = try await engine.write(
      PointBatch(
        ids: points.map { .int64($0.id) }, vectors: vectors, dimension: Self.oldDimension,
        payloads: points.map(\.payload)), to: name, mode: .upsert)
  }

  func request(
    _ source: String = "words", into target: String = "words_new",
    _ change: (inout ReembedRequest) -> Void = { _ in }
  )
    -> ReembedRequest
  {
    var request = ReembedRequest(
      source: source, target: target, embedder: "new", text: Self.template, alias: "live",
      gate: RecallGateRequest(minimumRecall: 0))
    change(&request)
    return request
  }

  func finish(_ job: JobInfo) async throws -> JobInfo {
    var seen = job
    while !seen.state.isFinal {
      seen = try await engine.waitForJob(job.id, changedSince: seen, seconds: 30)
    }
    return seen
  }

  /// Follows a job until it waits to go live.
  func held(_ job: JobInfo) async throws {
    var seen = job
    while seen.state != .held, !seen.state.isFinal {
      seen = try await engine.waitForJob(job.id, changedSince: seen, seconds: 30)
    }
  }

  func search(
    _ name: String, text: String, model: String? = nil, limit: Int = 1
  ) async throws -> SearchResponse {
    try await engine.search(
      texts: [text], ofModel: model, SearchRequest(queries: [], dimension: 0, limit: limit), in: name)
  }

  func reembed(_ request: ReembedRequest) async throws -> JobInfo {
    try await finish(try await engine.startReembed(request))
  }

  /// Every point of a collection: its payload and vector.
  func points(of name: String) async throws -> [PointID: Point] {
    let page = try await engine.scan(
      name, after: nil, limit: 100_000, includeVectors: true, includePayload: true)
    return Dictionary(uniqueKeysWithValues: page.points.map { ($0.id, $0) })
  }

  /// Of points that ``fill(_:count:word:)`` has made: the word of each.
  static func words(_ count: Int) -> [Int64: String] {
    Dictionary(uniqueKeysWithValues: (0..<count).map { (Int64($0), "word \($0)") })
  }

  /// Whether each point has its payload and the vector that the model makes of its text.
  func expectAll(
    _ name: String, _ words: [Int64: String], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let points = try await points(of: name)
    #expect(points.count == words.count, sourceLocation: sourceLocation)
    for (id, word) in words {
      let point = points[.int64(id)]
      #expect(point?.payload == Self.payload(word), "point \(id)", sourceLocation: sourceLocation)
      #expect(
        point?.vector == StandInEndpoint.vector(Self.text(word)), "point \(id)",
        sourceLocation: sourceLocation)
    }
  }
}
