import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

/// R5: writes that go on while switches, reindexes and rollbacks exchange what they write to.
@Suite("R5: writes in the swap window")
struct SwapWindowTests {
  private static let dimension = 6
  private static let writers = 3
  private static let swapsMin = 3
  private static let batch = 50
  private static let keysOfWriter: Int64 = 2_000

  private final class Remaining: Sendable {
    let writers = Atomic(SwapWindowTests.writers)
    /// Made so far.
    let swaps = Atomic(0)
  }

  struct Outcome {
    var operations = 0
    var swaps = 0
    /// Acknowledged writes that the last collection does not have.
    var lost = 0
    /// Points that it has although their deletion was acknowledged.
    var resurrected = 0
  }

  @Test("nothing acknowledged is lost, nothing deleted comes back", .timeLimit(.minutes(30)))
  func nothingLost() async throws {
    let outcome = try await run(operations: Scale.count(100_000, soak: 5_000_000))
    #expect(outcome.lost == 0 && outcome.resurrected == 0 && outcome.swaps >= Self.swapsMin)
    Figures.note(
      "R5", "operations", outcome.operations, "swaps", outcome.swaps, "lost", outcome.lost, "resurrected",
      outcome.resurrected)
  }

  @Test("control: a writer that forgets one batch in fifty is found out", .tags(.control))
  func control() async throws {
    let outcome = try await run(operations: 20_000, forgetsEvery: 50)
    #expect(outcome.lost > 0 && outcome.resurrected > 0)
  }

  private func run(operations: Int, forgetsEvery: Int? = nil) async throws -> Outcome {
    let harness = try await EngineHarness(
      directory: TemporaryDirectory(inMemory: true), segmentRowsMax: 4_000)
    let engine = harness.engine
    _ = try await engine.createCollection(
      "v0", schema: CollectionSchema(dimension: Self.dimension, metric: .innerProduct))
    try await engine.createAlias("live", collection: "v0")
    // Something to learn a code from.
    try await Self.upsert(engine, (900_000..<900_300).map { $0 }, version: 0)
    let left = Remaining()
    var outcome = Outcome()
    let models = try await withThrowingTaskGroup(of: [Int64: Int].self) { group in
      for writer in 0..<Self.writers {
        group.addTask {
          defer { left.writers.subtract(1, ordering: .sequentiallyConsistent) }
          return try await Self.write(
            engine, writer: writer, operations: operations / Self.writers, forgetsEvery: forgetsEvery, left)
        }
      }
      outcome.swaps = try await swap(harness, left)
      var models: [Int64: Int] = [:]
      for try await model in group { models.merge(model) { _, new in new } }
      return models
    }
    outcome.operations = operations
    var found: [Int64: Int] = [:]
    var after: PointID?
    while true {
      let page = try await engine.scan(
        "live", after: after, limit: 5_000, includeVectors: false, includePayload: true)
      guard let last = page.points.last else { break }
      for case let point in page.points {
        guard case .int64(let id) = point.id, id < 900_000 else { continue }
        found[id] = point.payload.flatMap { Int($0.filter(\.isNumber)) }
      }
      after = last.id
    }
    for (id, version) in models where version > 0 && found[id] != version { outcome.lost += 1 }
    for id in found.keys where models[id, default: 0] <= 0 { outcome.resurrected += 1 }
    try await harness.shutDown()
    return outcome
  }

  /// - Returns: the version of each key of the writer; 0 for one that was deleted.
  private static func write(
    _ engine: Engine, writer: Int, operations: Int, forgetsEvery: Int?, _ left: Remaining
  ) async throws -> [Int64: Int] {
    var random = SeededGenerator(seed: UInt64(writer) + 55)
    var model: [Int64: Int] = [:]
    let batches = max(1, operations / batch)
    var number = 0
    while number < batches || left.swaps.load(ordering: .relaxed) < swapsMin {
      // On a busy machine jobs have a small share, so that it takes more batches.
      number += 1
      let first = Int64(writer) * keysOfWriter
      let ids = Array(
        Set((0..<batch).map { _ in first + Int64.random(in: 0..<keysOfWriter, using: &random) }))
      let isForgotten = forgetsEvery.map { number % $0 == 0 } ?? false
      if number % 4 == 0 {
        if !isForgotten { _ = try await engine.delete(ids.map { .int64($0) }, from: "live") }
        for id in ids { model[id] = 0 }
      } else {
        if !isForgotten { try await upsert(engine, ids, version: number) }
        for id in ids { model[id] = number }
      }
    }
    return model
  }

  private static func upsert(_ engine: Engine, _ ids: [Int64], version: Int) async throws {
    _ = try await engine.write(
      PointBatch(
        ids: ids.map { .int64($0) },
        vectors: ids.flatMap { id in (0..<dimension).map { Float((Int(id) * 31 + $0 * 17) % 101) - 50.5 } },
        dimension: dimension, payloads: ids.map { _ in #"{"v":\#(version)}"# }),
      to: "live", mode: .upsert)
  }

  /// Switches, goes back and reindexes until the writers are done.
  private func swap(_ harness: EngineHarness, _ left: Remaining) async throws -> Int {
    let engine = harness.engine
    var swaps = 0
    var version = 0
    repeat {
      switch swaps % 3 {
      case 0:
        let job = try await engine.startSwitch(
          "live",
          SwitchRequest(
            specification: EncodingSpecification(quantization: .int8),
            gate: RecallGateRequest(minimumRecall: 0)))
        #expect(try await harness.finish(job).state == .completed)
      case 1:
        _ = try await engine.rollback("live")
      default:
        let source = "v\(version)"
        version += 1
        let job = try await engine.startReindex(
          ReindexRequest(
            source: source, target: "v\(version)",
            specification: EncodingSpecification(quantization: .int4, oversampling: 4), alias: "live",
            gate: RecallGateRequest(minimumRecall: 0)))
        #expect(try await harness.finish(job).state == .completed)
        try await engine.dropCollection(source)
      }
      swaps += 1
      left.swaps.store(swaps, ordering: .relaxed)
    } while left.writers.load(ordering: .sequentiallyConsistent) > 0
    return swaps
  }
}
