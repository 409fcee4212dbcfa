internal import ArgumentParser
internal import AsyncHTTPClient
internal import Foundation
internal import MoultBenchmark
internal import MoultModel
internal import MoultServer
internal import NIOCore
internal import NIOHTTP1

/// `moult bench reembed`.
struct BenchReembed: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reembed",
    abstract: "How busy a re-embedding keeps a model, and what it costs beside (texts/s, µs a point).",
    discussion: """
      A stand-in for a model takes the same time for every request and answers so many at once. First a bare load \
      generator asks it, then `moult reembed` does, of a server of its own; busy is the share of the bare rate that the \
      job reaches from its first request to its last. Processor time and memory are the server's, over the whole job: \
      embedding, copying and cutting over.
      """)

  @Option(help: "Points of the collection.")
  var points = 20_000
  @Option(help: "Entries of the new vectors.")
  var dimension = 384
  @Option(help: "Texts a request.")
  var batch = 64
  @Option(help: "Requests at once.")
  var streams = 4
  @Option(help: "Milliseconds that the model takes for a request.")
  var latency = 20.0
  @OptionGroup var output: OutputOptions

  struct Record: Encodable {
    var benchmark = "reembed"
    var points: Int
    var dimension: Int
    var batch: Int
    var streams: Int
    var latencyMs: Double
    var machine: String
    var commit: String
    var bareTextsPerSecond: Double
    var textsPerSecond: Double
    var busy: Double
    var seconds: Double
    var cpuUsPerPoint: Double?
    /// Beside what the server held before the job.
    var residentMibBeside: Double?
    var textsSent: Int

    enum CodingKeys: String, CodingKey {
      case benchmark, points, dimension, batch, streams, machine, commit, busy, seconds
      case latencyMs = "latency_ms"
      case bareTextsPerSecond = "bare_texts_per_second"
      case textsPerSecond = "texts_per_second"
      case cpuUsPerPoint = "cpu_us_per_point"
      case residentMibBeside = "resident_mib_beside"
      case textsSent = "texts_sent"
    }
  }

  func validate() throws {
    for (name, value) in [
      ("points", points), ("dimension", dimension), ("batch", batch), ("streams", streams),
    ] where value < 1 { throw ValidationError("--\(name) must be at least 1, got \(value)") }
    if !(latency >= 0 && latency <= 60_000) {
      throw ValidationError("--latency must lie in 0 … 60000, got \(latency)")
    }
  }

  func run() async throws {
    let model = ModelStandIn(dimension: dimension, latency: latency / 1_000, atOnce: streams)
    let record = try await model.serve { port in
      let bare = try await bareRate(model, port: port)
      return try await reembed(model, port: port, bare: bare)
    }
    try output.put(record) { record in
      """
      \(Figure.grouped(Int(record.textsPerSecond))) texts/s, \(Figure.fixed(record.busy * 100, 1)) % of a bare client; \
      \(record.cpuUsPerPoint.map { Figure.fixed($0, 1) } ?? "?") µs of processor a point, \
      \(record.residentMibBeside.map { Figure.fixed($0, 1) } ?? "?") MiB beside
      """
    }
  }

  /// Texts a second that a client gets which does nothing else.
  private func bareRate(_ model: ModelStandIn, port: Int) async throws -> Double {
    let http = HTTPClient(eventLoopGroupProvider: .singleton)
    let texts = (0..<batch).map { "\"a text of some length, number \($0)\"" }.joined(separator: ",")
    let body = ByteBuffer(string: #"{"model":"\#(ModelStandIn.model)","input":[\#(texts)]}"#)
    let rounds = max(20, points / batch / streams / 2)
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<streams {
          group.addTask {
            for _ in 0..<rounds {
              var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/v1/embeddings")
              request.method = .POST
              request.body = .bytes(body)
              _ = try await http.execute(request, timeout: .seconds(60)).body.collect(upTo: 1 << 30)
            }
          }
        }
        try await group.waitForAll()
      }
    } catch {
      try? await http.shutdown()
      throw error
    }
    try await http.shutdown()
    let traffic = model.takeTraffic()
    return Double(traffic.texts) / traffic.seconds
  }

  private func reembed(_ model: ModelStandIn, port: Int, bare: Double) async throws -> Record {
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    let server = try await ServerProcess(
      dataDirectory: directory.path + "/data", arguments: ["--embedder-host", "127.0.0.1:\(port)"])
    do {
      let record = try await AdminClient.with(url: server.url, token: ServerOptions.defaultToken) { client in
        try await fill(client)
        _ = try await client.addEmbedder(
          Embedder(
            name: "model", url: "http://127.0.0.1:\(port)/v1/embeddings", model: ModelStandIn.model,
            dimension: dimension, batchTexts: batch, streams: streams))
        let (processorBefore, residentBefore) = (server.processorSeconds, server.residentBytes)
        let start = ContinuousClock.now
        let job = try await client.startReembed(
          ReembedRequest(
            source: "words", target: "words_new", embedder: "model", text: "{word}", alias: "live",
            bridges: false,
            gate: RecallGateRequest(minimumRecall: 0)))
        var job2 = job
        var traffic: ModelStandIn.Traffic?
        var resident = 0
        while !job2.state.isFinal {
          job2 = try await client.jobWhenChanged(job.id, seconds: 1)
          resident = max(resident, server.residentBytes ?? 0)
          // What comes later are the queries of the proof.
          if traffic == nil, job2.progress.phase != "embed", !job2.progress.phase.isEmpty {
            traffic = model.takeTraffic()
          }
        }
        try JobWatcher.requireCompleted(job2)
        let seconds = start.duration(to: .now).inSeconds
        guard let traffic, traffic.seconds > 0 else {
          throw CommandFailure(.failure, "the job ended before its embedding was seen; take more --points")
        }
        let rate = Double(traffic.texts) / traffic.seconds
        let processor = processorBefore.flatMap { before in server.processorSeconds.map { $0 - before } }
        return Record(
          points: points, dimension: dimension, batch: batch, streams: streams, latencyMs: latency,
          machine: MachineIdentity.current.processor, commit: Commit.current, bareTextsPerSecond: bare,
          textsPerSecond: rate, busy: rate / bare, seconds: seconds,
          cpuUsPerPoint: processor.map { $0 / Double(points) * 1e6 },
          residentMibBeside: residentBefore.map { Double(resident - $0) / 1_048_576 },
          textsSent: Int(job2.embedding?.texts ?? 0))
      }
      await server.stop()
      return record
    } catch {
      await server.stop()
      throw error
    }
  }

  private func fill(_ client: AdminClient) async throws {
    _ = try await client.createCollection(
      CreateCollectionRequest(
        name: "words", dimension: 4, metric: .innerProduct, keyKind: .int64, elementType: .float32))
    for first in stride(from: 0, to: points, by: 2_000) {
      let ids = first..<min(points, first + 2_000)
      try await client.upsert(
        PointBatch(
          ids: ids.map { .int64(Int64($0)) }, vectors: ids.flatMap { [Float($0 % 97), 1, 2, 3] },
          dimension: 4,
          payloads: ids.map { #"{"word":"a text of some length, number \#($0)"}"# }), elementType: .float32,
        to: "words")
    }
  }
}
