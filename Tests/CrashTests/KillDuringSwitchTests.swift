import Foundation
import MoultModel
import MoultServer
import MoultStorage
import MoultTesting
import Synchronization
import Testing

@testable import MoultCommand

/// A server process is killed with SIGKILL at random points of switches while a client writes. Each time: what
/// was acknowledged is there, the live generation answers, the job goes on to its end, and no file is left that
/// nothing names.
@Suite("kill -9 during a switch", .serialized)
struct KillDuringSwitchTests {
  private static let seed: UInt64 = 0x6d6f_756c_74
  private static let rows = 3_000
  private static let dimension = SampleVectors.dimension
  /// Kills that must cut a job off; one that comes after the job's end proves little and is not counted.
  private static let interruptedMin = Scale.count(20, soak: 50 * phases.count)
  private static let killsMax = 3 * interruptedMin
  /// Taken in turn; "any" is any moment.
  private static let phases = ["train", "encode", "index", "verify", "swap", "any"]
  private static let specifications = [
    EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 40)),
    EncodingSpecification(quantization: .binary),
    EncodingSpecification(quantization: .none, dimensions: 96, index: .hnsw(m: 6, efConstruction: 30)),
    EncodingSpecification(quantization: .int8, dimensions: 128),
  ]

  /// Points whose write was acknowledged, and the payload each must have.
  private actor Acknowledged {
    var payloads: [Int64: String] = [:]
    func note(_ id: Int64, _ payload: String) { payloads[id] = payload }
  }

  @Test(
    "killed in each phase: nothing acknowledged is lost and every job ends", .timeLimit(.minutes(60)))
  func killedInEachPhase() async throws {
    var random = SeededGenerator(seed: Self.seed)
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    let acknowledged = Acknowledged()
    let queries = SampleVectors.queries(40)
    try await fill(data)
    var interrupted = 0
    var kills = 0

    for cycle in 0..<Self.killsMax where interrupted < Self.interruptedMin {
      kills += 1
      let phase = Self.phases[cycle % Self.phases.count]
      let specification = Self.specifications[cycle % Self.specifications.count]
      let note = Comment(rawValue: "cycle \(cycle), phase \(phase), seed \(Self.seed)")
      let job = try await killed(in: phase, data: data, specification: specification, acknowledged, &random)

      let restartedAt = Int64(Date().timeIntervalSince1970 * 1000)
      let server = try await start(data)
      try await AdminClient.with(url: server.url, token: nil) { client in
        // The live generation answers at once, whatever the job does.
        let truth = try await neighbours(client, queries, exact: true)
        let found = try await neighbours(client, queries, exact: false)
        #expect(agreement(found, truth) > 0.8, note)
        try await expectAll(acknowledged, client, note)
        // The job goes on by itself; one that was refused before it was durable is simply not there.
        if let job {
          let finished = try await JobWatcher(client: client, showsProgress: false).follow(client.job(job))
          #expect(finished.state == .completed, note)
          if let finishedAt = finished.finishedAt, finishedAt >= restartedAt { interrupted += 1 }
          #expect(try await client.collection("words").generation.specification == specification, note)
        }
        #expect(try await client.generations(of: "words").count <= 2, note)
        try await expectAll(acknowledged, client, note)
      }
      #expect(await server.stop() == 0, note)
      let opened = try DataDirectory(path: data)
      let report = opened.check(deep: true)
      #expect(report.problems.isEmpty, note)
      #expect(report.orphans.isEmpty, note)
      opened.close()
    }
    #expect(interrupted >= Self.interruptedMin, "after \(Self.killsMax) kills, seed \(Self.seed)")
    Figures.note(
      "R2", "kills in switches", kills, "cut off in the midst", interrupted, "points acknowledged",
      await acknowledged.payloads.count)
  }

  // MARK: Steps

  private func start(_ data: String) async throws -> ServerProcess {
    try await ServerProcess(
      dataDirectory: data, executable: BuiltExecutable.path,
      arguments: ["--no-auth", "--segment-rows", "1000"])
  }

  private func fill(_ data: String) async throws {
    let server = try await start(data)
    let base = SampleVectors.base(Self.rows)
    try await AdminClient.with(url: server.url, token: nil) { client in
      _ = try await client.createCollection(
        CreateCollectionRequest(
          name: "words", dimension: Self.dimension, metric: .cosine, keyKind: .int64, elementType: .float32))
      for first in Swift.stride(from: 0, to: Self.rows, by: 500) {
        let batch = PointBatch(
          ids: (first..<first + 500).map { .int64(Int64($0)) },
          vectors: Array(base[first * Self.dimension..<(first + 500) * Self.dimension]),
          dimension: Self.dimension)
        try await client.upsert(batch, elementType: .float32, to: "words")
      }
    }
    #expect(await server.stop() == 0)
  }

  /// Starts a switch and a writer, and kills the server when the job says it is in `phase`, or at any moment.
  ///
  /// - Returns: the job, if the server had acknowledged it.
  private func killed(
    in phase: String, data: String, specification: EncodingSpecification, _ acknowledged: Acknowledged,
    _ random: inout SeededGenerator
  ) async throws -> Int64? {
    let server = try await start(data)
    let client = try AdminClient(url: server.url, token: nil)
    let firstID = Int64.random(in: 100_000..<10_000_000, using: &random)
    let source = Int.random(in: 0..<1_000, using: &random)
    let delay = Int.random(in: 0..<(phase == "any" ? 1_500 : 25), using: &random)
    let vector = Array(SampleVectors.base(1_000)[source * Self.dimension..<(source + 1) * Self.dimension])

    let writer = Task {
      // Ends when the server is gone.
      for number in 0..<Int64(100_000) {
        let payload = #"{"written":\#(number)}"#
        let batch = PointBatch(
          ids: [.int64(firstID + number % 50)], vectors: vector, dimension: Self.dimension,
          payloads: [payload])
        do {
          try await client.upsert(batch, elementType: .float32, to: "words")
        } catch {
          return
        }
        await acknowledged.note(firstID + number % 50, payload)
      }
    }
    var job: Int64?
    do {
      let request = SwitchRequest(specification: specification, gate: RecallGateRequest(minimumRecall: 0))
      var info = try await client.startSwitch("words", request)
      job = info.id
      while phase != "any", info.progress.phase != phase, !info.state.isFinal {
        info = try await client.job(info.id)
      }
      try await Task.sleep(for: .milliseconds(delay))
    } catch {
      Issue.record("the server failed before it was killed: \(error)")
    }
    kill(server.processID, SIGKILL)
    await writer.value
    await server.stop()
    await client.shutdown()
    return job
  }

  // MARK: Checks

  private func neighbours(
    _ client: AdminClient, _ queries: [Float], exact: Bool
  ) async throws -> [[PointID]] {
    try await client.nearest(
      "words", queries: QuerySet(values: queries, dimension: Self.dimension),
      options: SearchOptions(limit: 10, exact: exact)
    ).ids
  }

  private func agreement(_ found: [[PointID]], _ truth: [[PointID]]) -> Double {
    let hits = zip(found, truth).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
    return Double(hits) / Double(truth.reduce(0) { $0 + $1.count })
  }

  private func expectAll(_ acknowledged: Acknowledged, _ client: AdminClient, _ note: Comment) async throws {
    let expected = await acknowledged.payloads
    var found: [PointID: String] = [:]
    var after: PointID?
    while true {
      let page = try await client.points(
        of: "words", after: after, limit: 1_000, vectors: false, payload: true)
      guard let last = page.ids.last else { break }
      for (index, id) in page.ids.enumerated() {
        #expect(found[id] == nil, note)
        found[id] = page.payloads.isEmpty ? "" : page.payloads[index]
      }
      after = last
    }
    for row in 0..<Self.rows { #expect(found[.int64(Int64(row))] != nil, note) }
    for (id, payload) in expected {
      // A later write of the same id may have become durable without its acknowledgement reaching the client.
      let number = found[.int64(id)].flatMap(Self.written)
      #expect(number != nil && number! >= Self.written(payload)!, note)
    }
  }

  private static func written(_ payload: String) -> Int64? {
    Int64(payload.filter(\.isNumber))
  }
}

/// The program under test, which the build puts beside the test bundle.
enum BuiltExecutable {
  static let path: String = {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("moult").path
  }()
}
