import Foundation
import Logging
import MoultModel
import MoultStorage
import MoultStorageTesting
import MoultTesting
import Testing

@testable import MoultEngine

/// R6: a disk that is full or broken at the k-th call, for every k of writes, deletes and a switch.
@Suite("R6: faults at every call")
struct EngineFaultTests {
  struct Outcome {
    var calls = 0
    var faults: [String] = []
  }

  @Test(
    "errors are clean, what was acknowledged stays, a restart is sound and goes on", .timeLimit(.minutes(60)))
  func everyCall() async throws {
    var outcome = Outcome()
    let all = FaultyFileSystem.Fault.allCases
    for call in 0..<Scale.count(200, soak: 4_000) {
      // In a soak every fault at every call, else one of them.
      let faults = Scale.minutes >= Scale.fullMinutes ? all : [all[call % all.count]]
      var isReached = false
      for fault in faults {
        let reached = try await Self.run(
          "\(fault) at call \(call)", &outcome
        ) { _ in FaultyFileSystem(fault, atCall: call) }
        isReached = isReached || reached
      }
      if !isReached { break }
      outcome.calls += 1
    }
    #expect(outcome.faults == [])
    #expect(outcome.calls > 40)
    Figures.note("R6", "calls that failed", outcome.calls, "unclean", outcome.faults.count)
  }

  @Test("control: a disk that reports every write as done, and drops one, is found out", .tags(.control))
  func control() async throws {
    var outcome = Outcome()
    for call in 0..<60 where outcome.faults.isEmpty {
      _ = try await Self.run("lost write at call \(call)", &outcome) { _ in
        FaultyFileSystem(.lostWrite, atCall: call)
      }
    }
    #expect(!outcome.faults.isEmpty)
  }

  @Test(
    "the same where a call of SQLite on its own files fails: it stays as clean, and a restart as sound",
    .timeLimit(.minutes(60)))
  func everyDatabaseCall() async throws {
    let total = try await Self.databaseCalls()
    let all = FaultyFileSystem.Fault.allCases
    let count = min(total, Scale.count(40, soak: total))
    var outcome = Outcome()
    for place in 0..<count {
      let call = place * total / count
      for fault in Scale.minutes >= Scale.fullMinutes ? all : [all[place % all.count]] {
        let isReached = try await Self.run("\(fault) at call \(call) of SQLite", &outcome) {
          FaultyFileSystem(fault, atDatabaseCall: call, in: $0)
        }
        if isReached { outcome.calls += 1 }
      }
    }
    #expect(outcome.faults == [])
    // Jobs ask and write when they like: the number of calls is not the same each time.
    #expect(outcome.calls > count / 2)
    Figures.note(
      "R6", "calls of SQLite", total, "that failed in the engine", outcome.calls, "unclean",
      outcome.faults.count)
  }

  @Test("control: writes of SQLite that are dropped and reported as done are found out", .tags(.control))
  func controlOfDatabase() async throws {
    let total = try await Self.databaseCalls()
    var outcome = Outcome()
    for call in stride(from: 0, to: total, by: 7) where outcome.faults.isEmpty {
      do {
        _ = try await Self.run("lost write at call \(call) of SQLite", &outcome) {
          FaultyFileSystem(.lostWrite, atDatabaseCall: call, in: $0)
        }
      } catch let error as MoultError where error.code == .corrupted {
        outcome.faults.append(error.message)
      }
    }
    #expect(!outcome.faults.isEmpty)
  }

  /// How often SQLite changes its files when nothing goes wrong.
  private static func databaseCalls() async throws -> Int {
    var outcome = Outcome()
    var disk: FaultyFileSystem?
    _ = try await run("without a fault", &outcome) {
      disk = FaultyFileSystem(atDatabaseCall: nil, in: $0)
      return disk!
    }
    #expect(outcome.faults == [])
    return disk!.callCount
  }

  /// - Returns: whether the fault was reached.
  private static func run(
    _ note: String, _ outcome: inout Outcome, on makeDisk: (_ path: String) -> FaultyFileSystem
  ) async throws -> Bool {
    let directory = TemporaryDirectory(inMemory: true)
    let disk = makeDisk(directory.path)
    defer { disk.letDatabaseBe() }
    var model: [Int64: Int] = [:]
    var uncertain: [Int64: Int?] = [:]
    do {
      let harness = try await EngineHarness(path: directory.path, segmentRowsMax: 260, fileSystem: disk)
      do {
        try await walk(harness, &model, &uncertain) { disk.fault == .death && disk.hasFailed }
      } catch {
        let code = (error as? MoultError)?.code
        if !disk.hasFailed || ![.diskFull, .internalError].contains(code) {
          outcome.faults.append("\(note): \(error)")
        }
      }
      // The same process still answers with what it acknowledged.
      if disk.fault != .death, harness.engine.hasCollection("c") {
        outcome.faults += try await compare(harness.engine, model, uncertain).map {
          "\(note), same process: \($0)"
        }
      }
      try await harness.shutDown()
    } catch let error as MoultError where [.diskFull, .internalError].contains(error.code) {
      if !disk.hasFailed { outcome.faults.append("\(note): \(error)") }
    }
    disk.letDatabaseBe()

    let harness = try await EngineHarness(path: directory.path, segmentRowsMax: 260)
    for job in try harness.engine.jobs() where !job.state.isFinal && job.kind == "switch" {
      _ = try? await harness.engine.cancelJob(job.id)
    }
    if harness.engine.hasCollection("c") {
      outcome.faults += try await compare(harness.engine, model, uncertain).map {
        "\(note), restarted: \($0)"
      }
    } else if !model.isEmpty {
      outcome.faults.append("\(note): the collection is gone")
    }
    guard !outcome.faults.contains(where: { $0.hasPrefix(note) }) else {
      try await harness.shutDown()
      return disk.hasFailed
    }
    // And work goes on.
    try await walk(harness, &model, &uncertain)
    outcome.faults += try await compare(harness.engine, model, uncertain).map { "\(note), went on: \($0)" }
    try await harness.settle()
    try await harness.shutDown()
    let opened = try DataDirectory(path: directory.path)
    let report = opened.check(deep: true)
    opened.close()
    if !report.isSound || !report.orphans.isEmpty { outcome.faults.append("\(note): \(report)") }
    return disk.hasFailed
  }

  /// - Parameters:
  ///   - model: versions of points whose write was acknowledged.
  ///   - uncertain: what became of keys whose write failed may be the one or the other.
  ///   - isDead: whether nothing can be changed any more.
  private static func walk(
    _ harness: EngineHarness, _ model: inout [Int64: Int], _ uncertain: inout [Int64: Int?],
    isDead: () -> Bool = { false }
  ) async throws {
    let engine = harness.engine
    if !engine.hasCollection("c") {
      _ = try await engine.createCollection(
        "c", schema: CollectionSchema(dimension: 4, metric: .innerProduct))
    }
    func write(_ ids: Range<Int64>, version: Int) async throws {
      for id in ids { uncertain[id] = version }
      _ = try await engine.write(
        PointBatch(
          ids: ids.map { .int64($0) }, vectors: ids.flatMap { id in (0..<4).map { vector(id, version, $0) } },
          dimension: 4, payloads: ids.map { _ in #"{"v":\#(version)}"# }), to: "c", mode: .upsert)
      for id in ids {
        model[id] = version
        uncertain[id] = nil
      }
    }
    try await write(0..<200, version: 1)
    try await write(150..<400, version: 2)
    let deleted = (10..<30).map { Int64($0) }
    for id in deleted { uncertain[id] = .some(nil) }
    _ = try await engine.delete(deleted.map { .int64($0) }, from: "c")
    for id in deleted {
      model[id] = nil
      uncertain[id] = nil
    }
    let job = try await engine.startSwitch(
      "c",
      SwitchRequest(
        specification: EncodingSpecification(
          quantization: .int8, index: .hnsw(m: 4, efConstruction: 16), oversampling: 4),
        gate: RecallGateRequest(minimumRecall: 0)))
    var seen = job
    // A job that failed once waits before it tries again; the scenario does not.
    while !seen.state.isFinal, seen.state != .retrying {
      // What the job comes to cannot be written any more.
      if isDead() { throw MoultError(.internalError, "the disk is dead") }
      seen = try await engine.waitForJob(job.id, changedSince: seen, seconds: 0.2)
    }
    if seen.state != .completed { _ = try? await engine.cancelJob(job.id) }
    try await write(390..<420, version: 3)
  }

  private static func vector(_ id: Int64, _ version: Int, _ index: Int) -> Float {
    Float((Int(id) * 37 + version * 11 + index * 5) % 97) - 48.5
  }

  private static func compare(
    _ engine: Engine, _ model: [Int64: Int], _ uncertain: [Int64: Int?]
  ) async throws -> [String] {
    do { return try await differences(engine, model, uncertain) } catch { return ["\(error)"] }
  }

  private static func differences(
    _ engine: Engine, _ model: [Int64: Int], _ uncertain: [Int64: Int?]
  ) async throws -> [String] {
    let points = try await engine.scan(
      "c", after: nil, limit: 10_000, includeVectors: true, includePayload: true
    ).points
    var faults: [String] = []
    var found: [Int64: Int] = [:]
    for point in points {
      guard case .int64(let id) = point.id,
        let version = point.payload.flatMap({ Int($0.filter(\.isNumber)) })
      else { continue }
      found[id] = version
      if point.vector != (0..<4).map({ vector(id, version, $0) }) {
        faults.append("point \(id) has another vector")
      }
    }
    for id in Set(model.keys).union(found.keys) where found[id] != model[id] {
      if let other = uncertain[id], other == found[id] { continue }
      faults.append("point \(id): version \(found[id] ?? 0), acknowledged \(model[id] ?? 0)")
    }
    // Codes and graph find what is there.
    let hits = try await engine.search(
      SearchRequest(queries: [1, 1, 1, 1], dimension: 4, limit: 20), in: "c"
    ).hits[0]
    if hits.contains(where: { hit in
      guard case .int64(let id) = hit.id else { return true }
      return found[id] == nil
    }) {
      faults.append("a search finds what is not there")
    }
    return faults
  }
}

/// R6 on a real disk: a memory file system of a few megabytes, which only root can mount.
@Suite("R6: a full file system")
struct FullFileSystemTests {
  @Test("writes are refused, nothing is lost, and there is room again after some is made")
  func full() async throws {
    let directory = TemporaryDirectory()
    let mount = directory.path + "/small"
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
    guard run("/bin/mount", ["-t", "tmpfs", "-o", "size=12m", "moult", mount]) else {
      print("R6 on a real full file system: skipped, mounting one needs root")
      return
    }
    defer { _ = run("/bin/umount", ["-l", mount]) }
    let ballast = mount + "/ballast"
    try Data(count: 4 << 20).write(to: URL(fileURLWithPath: ballast))
    let harness = try await EngineHarness(path: mount + "/data", segmentRowsMax: 500)
    _ = try await harness.engine.createCollection(
      "c", schema: CollectionSchema(dimension: 64, metric: .innerProduct))
    var random = SeededGenerator(seed: 3)
    var acknowledged = 0
    func write() async throws {
      _ = try await harness.engine.write(
        PointBatch(
          ids: (acknowledged..<acknowledged + 250).map { .int64(Int64($0)) },
          vectors: random.floats(count: 250 * 64), dimension: 64), to: "c", mode: .insert)
      acknowledged += 250
    }
    var refusal: MoultError?
    while refusal == nil, acknowledged < 100_000 {
      do { try await write() } catch { refusal = error as? MoultError ?? MoultError(.cancelled, "\(error)") }
    }
    #expect(refusal?.code == .diskFull, "\(refusal?.message ?? "")")
    #expect(try harness.engine.describeCollection("c").count == acknowledged)
    #expect(acknowledged > 1_000)
    try FileManager.default.removeItem(atPath: ballast)
    try await write()
    #expect(try harness.engine.describeCollection("c").count == acknowledged)
    try await harness.shutDown()
    let again = try await EngineHarness(path: mount + "/data", segmentRowsMax: 500)
    #expect(try again.engine.describeCollection("c").count == acknowledged)
    try await again.shutDown()
    let opened = try DataDirectory(path: mount + "/data")
    #expect(opened.check(deep: true).isSound)
    opened.close()
  }

  private func run(_ tool: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
