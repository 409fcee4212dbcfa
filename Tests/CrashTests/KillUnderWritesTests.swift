import Foundation
import MoultModel
import MoultServer
import MoultStorage
import MoultTesting
import Testing

@testable import MoultCommand

/// R1 and R2: a server process killed with SIGKILL at random points while clients write, move an alias and reindex over
/// HTTP.
@Suite("R1: kill -9 under writes", .serialized)
struct KillUnderWritesTests {
  private static let seed: UInt64 = 0x6b69_6c6c
  private static let dimension = 8
  private static let batch = 40

  struct Outcome {
    var cycles = 0
    var acknowledged = 0
    /// Acknowledged writes that a restart does not have.
    var lost = 0
    /// Points that nobody wrote, or versions that were never sent.
    var phantom = 0
    /// Aliases that point neither to what was acknowledged nor to what was asked for last.
    var between = 0
    var recoverySeconds: [Double] = []
    var faults: [String] = []
  }

  /// What the client knows of each key: the version that was acknowledged, and the one that was sent last.
  private struct Model: Sendable {
    var acknowledged: [Int64: Int] = [:]
    var sent: [Int64: Int] = [:]
    var alias = "a"
    var aliasSent = "a"
    var number = 0
    var acknowledgedRows = 0
  }

  @Test(
    "30 kills: nothing acknowledged is lost, nothing appears that was not sent", .timeLimit(.minutes(600)))
  func kills() async throws {
    let outcome = try await run(cycles: Scale.count(30, soak: 1_000))
    #expect(outcome.lost == 0 && outcome.phantom == 0 && outcome.between == 0 && outcome.faults == [])
    #expect(outcome.acknowledged > 5 * Self.batch)
    let p99 = outcome.recoverySeconds.sorted()[max(0, Int(0.99 * Double(outcome.recoverySeconds.count)) - 1)]
    #expect(p99 < (Scale.judgesTimes ? 2 : 200), "\(outcome.recoverySeconds)")
    Figures.note(
      "R1", "kills", outcome.cycles, "acknowledged rows", outcome.acknowledged, "lost", outcome.lost,
      "phantom",
      outcome.phantom, "alias between", outcome.between, "recovery p99 s", (p99 * 100).rounded() / 100)
  }

  @Test("control: writes that are counted as acknowledged before the answer came are missed", .tags(.control))
  func control() async throws {
    // The twin believes in every batch that it sends, and sends one in five nowhere.
    var lost = 0
    // On a busy machine a server may be killed before it has been sent five.
    for _ in 0..<10 where lost == 0 { lost = try await run(cycles: 2, forgetsEvery: 5).lost }
    #expect(lost > 0)
  }

  @Test(
    "R2: killed in phases of a reindex, the alias is old or new and the job ends", .timeLimit(.minutes(600)))
  func reindex() async throws {
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    var random = SeededGenerator(seed: Self.seed)
    var source = "v0"
    var server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      try await create(source, client)
      try await client.createAlias("live", collection: source)
      for first in stride(from: Int64(0), to: 1_200, by: 200) {
        try await client.upsert(batch(first..<first + 200, version: 1), elementType: .float32, to: "live")
      }
    }
    let kills = Scale.count(6, soak: 300)
    var between = 0
    for cycle in 1...kills {
      let target = "v\(cycle)"
      let note = Comment(rawValue: "cycle \(cycle), seed \(Self.seed)")
      var job: Int64?
      try await AdminClient.with(url: server.url, token: nil) { client in
        job = try await client.startReindex(
          ReindexRequest(
            source: source, target: target, specification: EncodingSpecification(quantization: .int8),
            alias: "live", gate: RecallGateRequest(minimumRecall: 0))
        ).id
        try await Task.sleep(for: .milliseconds(Int.random(in: 0..<250, using: &random)))
      }
      kill(server.processID, SIGKILL)
      await server.stop()
      server = try await start(data)
      try await AdminClient.with(url: server.url, token: nil) { client in
        let now = try await client.alias("live").collection
        if now != source, now != target { between += 1 }
        let finished = try await JobWatcher(client: client, showsProgress: false).follow(client.job(job!))
        #expect(finished.state == .completed, note)
        #expect(try await client.alias("live").collection == target, note)
        #expect(try await client.collection("live").count == 1_200, note)
        try await client.dropCollection(source)
      }
      source = target
    }
    #expect(between == 0)
    #expect(await server.stop() == 0)
    let orphans = try orphans(in: data)
    #expect(orphans == [])
    Figures.note("R2", "kills in reindexes", kills, "alias between", between, "orphans", orphans.count)
  }

  /// Files that nothing names, in a directory that is sound.
  private func orphans(in data: String) throws -> [String] {
    let opened = try DataDirectory(path: data)
    defer { opened.close() }
    let report = opened.check(deep: true)
    #expect(report.isSound)
    return report.orphans
  }

  @Test("control: files that a job left behind are counted", .tags(.control))
  func controlOfOrphans() async throws {
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    let server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      try await create("c", client)
      try await client.upsert(batch(0..<50, version: 1), elementType: .float32, to: "c")
    }
    #expect(await server.stop() == 0)
    #expect(try orphans(in: data) == [])
    // The twin's job forgets the codes of a generation that never went live.
    let folder = data + "/collections/1"
    let file = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
    let left = "segment-1.generation-9.codes"
    try FileManager.default.copyItem(atPath: "\(folder)/\(file)", toPath: "\(folder)/\(left)")
    #expect(try orphans(in: data).map { $0.hasSuffix(left) } == [true])
  }

  @Test(
    "R10: hours of load with a switch every minute keep memory, descriptors and answers as they are",
    .enabled(if: Scale.minutes > 0), .timeLimit(.minutes(600)))
  func soak() async throws {
    let seconds = Scale.seconds(60, soak: 3_600)
    let load = try await load(seconds: seconds)
    #expect(load.errors == 0)
    #expect(load.growth(of: load.descriptors) < Self.descriptorsMax, "\(load.descriptors)")
    Figures.note(
      "R10", "seconds", Int(seconds), "operations", load.operations, "switches", load.descriptors.count,
      "errors",
      load.errors,
      "resident MB first and last", "\((load.resident.first ?? 0) >> 20) \((load.resident.last ?? 0) >> 20)",
      "descriptors first and last", "\(load.descriptors.first ?? 0) \(load.descriptors.last ?? 0)")
  }

  @Test("control: connections that are never closed are seen in the descriptors", .tags(.control))
  func controlOfDescriptors() async throws {
    let load = try await load(seconds: 12, leaking: true)
    #expect(load.growth(of: load.descriptors) >= Self.descriptorsMax, "\(load.descriptors)")
  }

  /// What descriptors may grow by: connections of clients come and go.
  private static let descriptorsMax = 40

  private struct Load {
    var operations = 0
    var errors = 0
    /// After each switch.
    var resident: [Int] = []
    var descriptors: [Int] = []

    /// The first third warms up: pools, caches, blocks of both forms.
    func growth(of counts: [Int]) -> Int {
      let settled = counts.dropFirst(counts.count / 3)
      return (settled.max() ?? 0) - (settled.min() ?? 0)
    }
  }

  /// - Parameter leaking: the broken twin keeps 45 connections more after each switch.
  private func load(seconds: Double, leaking: Bool = false) async throws -> Load {
    let directory = TemporaryDirectory()
    let server = try await start(directory.path + "/data")
    var load = Load()
    var leaked: [AdminClient] = []
    try await AdminClient.with(url: server.url, token: nil) { client in
      try await create("c", client)
      try await client.upsert(batch(0..<5_000, version: 1), elementType: .float32, to: "c")
      let clock = ContinuousClock()
      let start = clock.now
      var random = SeededGenerator(seed: Self.seed)
      while clock.now - start < .seconds(seconds) {
        do {
          let first = Int64.random(in: 0..<4_900, using: &random)
          try await client.upsert(batch(first..<first + 100, version: 2), elementType: .float32, to: "c")
          _ = try await client.nearest(
            "c", queries: QuerySet(values: vector(first, 1), dimension: Self.dimension),
            options: SearchOptions(limit: 10))
          load.operations += 2
          let due = Int((clock.now - start).components.seconds) / Int(min(60, max(1, seconds / 10)))
          if due > load.descriptors.count {
            let form: EncodingSpecification =
              load.descriptors.count % 2 == 0
              ? EncodingSpecification(quantization: .int8) : EncodingSpecification()
            let job = try await client.startSwitch(
              "c", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0)))
            _ = try await JobWatcher(client: client, showsProgress: false).follow(job)
            for _ in 0..<(leaking ? 45 : 0) {
              let one = try AdminClient(url: server.url, token: nil)
              _ = try await one.collection("c")
              leaked.append(one)
            }
            load.resident.append(server.residentBytes ?? 0)
            load.descriptors.append(
              (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.processID)/fd").count)
                ?? 0)
          }
        } catch { load.errors += 1 }
      }
    }
    for one in leaked { await one.shutdown() }
    #expect(await server.stop() == 0)
    return load
  }

  // MARK: Steps

  private func start(_ data: String) async throws -> ServerProcess {
    try await ServerProcess(
      dataDirectory: data, executable: BuiltExecutable.path,
      arguments: ["--no-auth", "--segment-rows", "700"])
  }

  private func create(_ name: String, _ client: AdminClient) async throws {
    _ = try await client.createCollection(
      CreateCollectionRequest(
        name: name, dimension: Self.dimension, metric: .innerProduct, keyKind: .int64, elementType: .float32))
  }

  private func vector(_ id: Int64, _ version: Int) -> [Float] {
    (0..<Self.dimension).map { Float((Int(id) * 31 + version * 7 + $0 * 13) % 89) - 44.5 }
  }

  private func batch(_ ids: some Sequence<Int64>, version: Int) -> PointBatch {
    let ids = Array(ids)
    return PointBatch(
      ids: ids.map { .int64($0) }, vectors: ids.flatMap { vector($0, version) }, dimension: Self.dimension,
      payloads: ids.map { _ in #"{"v":\#(version)}"# })
  }

  private func run(cycles: Int, forgetsEvery: Int? = nil) async throws -> Outcome {
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    var outcome = Outcome()
    var random = SeededGenerator(seed: Self.seed)
    var model = Model()
    var server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      for name in ["a", "b"] { try await create(name, client) }
      try await client.createAlias("which", collection: "a")
    }
    let clock = ContinuousClock()
    for cycle in 0..<cycles {
      let url = server.url
      let before = model
      let client = try AdminClient(url: url, token: nil)
      let writer = Task { await write(client, before, forgetsEvery: forgetsEvery) }
      try await Task.sleep(for: .milliseconds(Int.random(in: 30..<500, using: &random)))
      kill(server.processID, SIGKILL)
      model = await writer.value
      await client.shutdown()
      await server.stop()
      let killed = clock.now
      server = try await start(data)
      try await AdminClient.with(url: server.url, token: nil) { client in
        _ = try await client.collection("a")
        let taken = (clock.now - killed).components
        outcome.recoverySeconds.append(Double(taken.seconds) + Double(taken.attoseconds) * 1e-18)
        try await compare(client, &model, &outcome, "cycle \(cycle), seed \(Self.seed)")
      }
      outcome.cycles += 1
    }
    outcome.acknowledged = model.acknowledgedRows
    #expect(await server.stop() == 0)
    let opened = try DataDirectory(path: data)
    let report = opened.check(deep: true)
    opened.close()
    if !report.isSound || !report.orphans.isEmpty { outcome.faults.append("\(report)") }
    return outcome
  }

  /// Writes until the server is gone.
  private func write(_ client: AdminClient, _ start: Model, forgetsEvery: Int?) async -> Model {
    var model = start
    var random = SeededGenerator(seed: Self.seed &+ UInt64(start.number))
    while true {
      model.number += 1
      let version = model.number
      let ids = Set((0..<Self.batch).map { _ in Int64.random(in: 0..<3_000, using: &random) })
      for id in ids { model.sent[id] = version }
      do {
        if forgetsEvery.map({ version % $0 == 0 }) != true {
          try await client.upsert(batch(ids, version: version), elementType: .float32, to: "a")
        }
        for id in ids { model.acknowledged[id] = version }
        model.acknowledgedRows += ids.count
        if version % 3 == 0 {
          model.aliasSent = model.alias == "a" ? "b" : "a"
          try await client.alterAlias("which", collection: model.aliasSent)
          model.alias = model.aliasSent
        }
      } catch { return model }
    }
  }

  private func compare(
    _ client: AdminClient, _ model: inout Model, _ outcome: inout Outcome, _ note: String
  ) async throws {
    let alias = try await client.alias("which").collection
    if alias != model.alias && alias != model.aliasSent { outcome.between += 1 }
    (model.alias, model.aliasSent) = (alias, alias)
    var found: [Int64: Int] = [:]
    var after: PointID?
    while true {
      let page = try await client.points(of: "a", after: after, limit: 1_000, vectors: true, payload: true)
      guard let last = page.ids.last else { break }
      for (index, id) in page.ids.enumerated() {
        guard case .int64(let id) = id else { continue }
        let version = Int(page.payloads[index].filter(\.isNumber)) ?? -1
        found[id] = version
        let row = Array(page.vectors[index * Self.dimension..<(index + 1) * Self.dimension])
        if row != vector(id, version) { outcome.faults.append("\(note): point \(id) has another vector") }
      }
      after = last
    }
    for (id, version) in model.acknowledged where found[id, default: 0] < version { outcome.lost += 1 }
    for (id, version) in found where version > model.sent[id, default: -1] || version < 1 {
      outcome.phantom += 1
    }
    // What was committed without its answer counts from now on.
    for (id, version) in found { model.acknowledged[id] = version }
  }
}
