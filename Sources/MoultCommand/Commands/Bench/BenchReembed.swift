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
  @Option(
    help: ArgumentHelp(
      "A real model's /v1/embeddings in the stand-in's place, with --model; --latency says nothing then.",
      valueName: "url"))
  var endpoint: String?
  @Option(help: "The model that --endpoint is asked for.")
  var model: String?
  @OptionGroup var output: OutputOptions

  struct Record: Encodable {
    var benchmark = "reembed"
    var points: Int
    var dimension: Int
    var batch: Int
    var streams: Int
    /// Of the stand-in.
    var latencyMs: Double?
    /// A real one.
    var model: String?
    var machine: String
    var commit: String
    var bareTextsPerSecond: Double
    var textsPerSecond: Double
    var busy: Double
    var seconds: Double
    var cpuUsPerPoint: Double?
    /// Of that what went by in each phase of the job; every reindex has all but `embed`.
    var cpuUsPerPointByPhase: [String: Double]
    /// Heap and stacks, beside what the server held before the job: pages of mapped files go when others need the room.
    var heapMibBeside: Double?
    var textsSent: Int

    enum CodingKeys: String, CodingKey {
      case benchmark, points, dimension, batch, streams, model, machine, commit, busy, seconds
      case latencyMs = "latency_ms"
      case bareTextsPerSecond = "bare_texts_per_second"
      case textsPerSecond = "texts_per_second"
      case cpuUsPerPoint = "cpu_us_per_point"
      case cpuUsPerPointByPhase = "cpu_us_per_point_by_phase"
      case heapMibBeside = "heap_mib_beside"
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
    if (endpoint == nil) != (model == nil) { throw ValidationError("--endpoint and --model go together") }
    if let endpoint, URL(string: endpoint)?.host() == nil {
      throw ValidationError(
        "--endpoint must be a URL such as http://127.0.0.1:8080/v1/embeddings, got '\(endpoint)'")
    }
  }

  /// What is asked for vectors, and what it has seen of that.
  private struct Asked {
    var url: String
    var model: String
    /// `nil` for a real one, which is seen from here.
    var standIn: ModelStandIn?
  }

  func run() async throws {
    let record: Record
    if let endpoint, let model {
      record = try await measured(Asked(url: endpoint, model: model))
    } else {
      let standIn = ModelStandIn(dimension: dimension, latency: latency / 1_000, atOnce: streams)
      record = try await standIn.serve { port in
        try await measured(
          Asked(url: "http://127.0.0.1:\(port)/v1/embeddings", model: ModelStandIn.model, standIn: standIn))
      }
    }
    try output.put(record) { record in
      """
      \(Figure.grouped(Int(record.textsPerSecond))) texts/s, \(Figure.fixed(record.busy * 100, 1)) % of a bare client; \
      \(record.cpuUsPerPoint.map { Figure.fixed($0, 1) } ?? "?") µs of processor a point, \
      \(record.heapMibBeside.map { Figure.fixed($0, 1) } ?? "?") MiB beside
      """
    }
  }

  private func measured(_ asked: Asked) async throws -> Record {
    try await reembed(asked, bare: try await bareRate(asked))
  }

  private static func text(_ number: Int) -> String { "a text of some length, number \(number)" }

  /// Texts a second that a client gets which does nothing else.
  private func bareRate(_ asked: Asked) async throws -> Double {
    let http = HTTPClient(eventLoopGroupProvider: .singleton)
    // A real model takes long: a look of some hundred texts is enough.
    let rounds = max(asked.standIn == nil ? 4 : 20, points / batch / streams / 2)
    let start = ContinuousClock.now
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for stream in 0..<streams {
          group.addTask {
            for round in 0..<rounds {
              let first = (stream * rounds + round) * batch
              let texts = (first..<first + batch).map { "\"\(Self.text($0))\"" }.joined(separator: ",")
              var request = HTTPClientRequest(url: asked.url)
              request.method = .POST
              request.headers.add(name: "Content-Type", value: "application/json")
              request.body = .bytes(
                ByteBuffer(
                  string: #"{"model":"\#(asked.model)","input":[\#(texts)],"encoding_format":"base64"}"#))
              let answer = try await http.execute(request, timeout: .seconds(600))
              _ = try await answer.body.collect(upTo: 1 << 30)
              guard answer.status == .ok else {
                throw CommandFailure(.failure, "'\(asked.url)' answered \(answer.status.code)")
              }
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
    if let traffic = asked.standIn?.takeTraffic() { return Double(traffic.texts) / traffic.seconds }
    return Double(rounds * batch * streams) / start.duration(to: .now).inSeconds
  }

  private func reembed(_ asked: Asked, bare: Double) async throws -> Record {
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    let url = URL(string: asked.url)
    let host = "\(url?.host() ?? ""):\(url?.port ?? (url?.scheme == "https" ? 443 : 80))"
    let server = try await ServerProcess(
      dataDirectory: directory.path + "/data", arguments: ["--embedder-host", host])
    do {
      let record = try await AdminClient.with(url: server.url, token: ServerOptions.defaultToken) { client in
        try await fill(client)
        await server.becomeIdle()
        _ = try await client.addEmbedder(
          Embedder(
            name: "model", url: asked.url, model: asked.model, dimension: dimension, batchTexts: batch,
            streams: streams))
        let (processorBefore, heapBefore) = (server.processorSeconds, server.anonymousBytes)
        let start = ContinuousClock.now
        var job = try await client.startReembed(
          ReembedRequest(
            source: "words", target: "words_new", embedder: "model", text: "{word}", alias: "live",
            bridges: false,
            gate: RecallGateRequest(minimumRecall: 0)))
        var rate: Double?
        var heap = 0
        var (phase, phaseStart, phases) = ("", processorBefore ?? 0, [String: Double]())
        while !job.state.isFinal {
          job = try await client.jobWhenChanged(job.id, seconds: 1)
          heap = max(heap, server.anonymousBytes ?? 0)
          if job.state.isFinal || job.progress.phase != phase, let now = server.processorSeconds {
            phases[phase.isEmpty ? "begin" : phase, default: 0] += (now - phaseStart) / Double(points) * 1e6
            (phase, phaseStart) = (job.progress.phase, now)
          }
          // What comes later are the queries of the proof.
          if rate == nil, job.progress.phase != "embed", !job.progress.phase.isEmpty {
            let traffic = asked.standIn?.takeTraffic()
            rate =
              traffic.map { Double($0.texts) / $0.seconds } ?? Double(points)
              / start.duration(to: .now).inSeconds
          }
        }
        try JobWatcher.requireCompleted(job)
        let seconds = start.duration(to: .now).inSeconds
        guard let rate, rate.isFinite, rate > 0 else {
          throw CommandFailure(.failure, "the job ended before its embedding was seen; take more --points")
        }
        let processor = processorBefore.flatMap { before in server.processorSeconds.map { $0 - before } }
        return Record(
          points: points, dimension: dimension, batch: batch, streams: streams,
          latencyMs: asked.standIn == nil ? nil : latency, model: asked.standIn == nil ? asked.model : nil,
          machine: MachineIdentity.current.processor, commit: Commit.current, bareTextsPerSecond: bare,
          textsPerSecond: rate, busy: rate / bare, seconds: seconds,
          cpuUsPerPoint: processor.map { $0 / Double(points) * 1e6 }, cpuUsPerPointByPhase: phases,
          heapMibBeside: heapBefore.map { Double(heap - $0) / 1_048_576 },
          textsSent: Int(job.embedding?.texts ?? 0))
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
          ids: ids.map { .int64(Int64($0)) },
          vectors: ids.flatMap { [Float($0 % 97), Float($0 / 97), 2, 3] },
          dimension: 4,
          payloads: ids.map { #"{"word":"\#(Self.text($0))"}"# }), elementType: .float32,
        to: "words")
    }
  }
}
