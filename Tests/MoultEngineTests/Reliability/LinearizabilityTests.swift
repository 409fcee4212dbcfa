import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

/// R4: operations on points and on an alias, recorded by several clients while generations change, and judged.
@Suite("R4: linearizability")
struct LinearizabilityTests {
  private typealias Operation = LinearizabilityChecker.Operation
  private static let keys: Int64 = 6
  private static let targets = 3
  private static let switchesMin = 2

  /// What each register went through; the alias is register −1.
  private final class Recorder: Sendable {
    private let clock = Atomic(0)
    private let histories = Mutex<[Int64: [Operation]]>([:])
    private let nextValue = Atomic(0)

    func value() -> Int { nextValue.add(1, ordering: .sequentiallyConsistent).newValue }
    func now() -> Int { clock.add(1, ordering: .sequentiallyConsistent).newValue }
    func record(_ register: Int64, _ kind: Operation.Kind, since calledAt: Int) {
      let returnedAt = now()
      histories.withLock {
        $0[register, default: []].append(Operation(kind, calledAt: calledAt, returnedAt: returnedAt))
      }
    }
    var all: [Int64: [Operation]] { histories.withLock { $0 } }
  }

  private final class End: Sendable {
    let isReached = Atomic(false)
    /// Made so far.
    let switches = Atomic(0)
  }

  /// The broken twin: a cache that learns of a change only with every tenth question.
  private final class DelayedCache: Sendable {
    private let seen = Mutex<[Int64: (value: Int?, left: Int)]>([:])
    func read(_ register: Int64, fresh: Int?) -> Int? {
      seen.withLock { seen in
        if let known = seen[register], known.left > 0 {
          seen[register] = (known.value, known.left - 1)
          return known.value
        }
        seen[register] = (fresh, 9)
        return fresh
      }
    }
  }

  @Test("what clients saw of points and alias can be told as one sequence")
  func linearizable() async throws {
    let operations = Scale.count(5_000, soak: 500_000)
    let (histories, switches) = try await record(operations: operations, cache: nil)
    var recorded = 0
    for (register, history) in histories {
      recorded += history.count
      #expect(
        LinearizabilityChecker.isLinearizable(history, initial: register < 0 ? 0 : nil),
        "register \(register), \(history.count) operations")
    }
    #expect(recorded >= operations && switches >= Self.switchesMin)
    Figures.note(
      "R4", "operations", recorded, "registers", histories.count, "switches", switches, "linearizable", "yes")
  }

  @Test("control: reads through a delayed cache are rejected", .tags(.control))
  func control() async throws {
    let (histories, _) = try await record(operations: 2_000, cache: DelayedCache())
    #expect(
      histories.contains {
        !LinearizabilityChecker.isLinearizable($0.value, initial: $0.key < 0 ? 0 : nil)
      })
  }

  private func record(
    operations: Int, cache: DelayedCache?
  ) async throws -> (histories: [Int64: [Operation]], switches: Int) {
    let directory = TemporaryDirectory(inMemory: true)
    let harness = try await EngineHarness(directory: directory, segmentRowsMax: 500)
    let engine = harness.engine
    for target in 0..<Self.targets {
      _ = try await engine.createCollection(
        "c\(target)", schema: CollectionSchema(dimension: 4, metric: .innerProduct))
    }
    _ = try await engine.write(
      PointBatch(
        ids: (1_000..<1_300).map { .int64($0) },
        vectors: (0..<1_200).map { Float($0 % 17) - 8.5 }, dimension: 4), to: "c0", mode: .upsert)
    try await engine.createAlias("a", collection: "c0")
    let recorder = Recorder()
    let end = End()
    let clients = 4
    let switches = try await withThrowingTaskGroup(of: Int.self) { group in
      group.addTask {
        var count = 0
        // Nobody waits for one that has failed.
        defer { end.switches.store(.max, ordering: .relaxed) }
        while !end.isReached.load(ordering: .relaxed) {
          let form: EncodingSpecification =
            count % 2 == 0 ? EncodingSpecification(quantization: .int8) : EncodingSpecification()
          let job = try await engine.startSwitch(
            "c0", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0)))
          #expect(try await harness.finish(job).state == .completed)
          count += 1
          end.switches.store(count, ordering: .relaxed)
        }
        return count
      }
      try await withThrowingTaskGroup(of: Void.self) { clientsGroup in
        for client in 0..<clients {
          clientsGroup.addTask {
            var random = SeededGenerator(seed: UInt64(client) + 40)
            for _ in 0..<operations / clients + 1 {
              try await Self.operation(engine, recorder, cache, &random)
            }
            // On a busy machine jobs have a small share, and have not ended yet.
            while end.switches.load(ordering: .relaxed) < Self.switchesMin {
              try await Self.operation(engine, recorder, cache, &random)
            }
          }
        }
        try await clientsGroup.waitForAll()
      }
      end.isReached.store(true, ordering: .relaxed)
      return try await group.next() ?? 0
    }
    try await harness.shutDown()
    return (recorder.all, switches)
  }

  private static func operation(
    _ engine: Engine, _ recorder: Recorder, _ cache: DelayedCache?, _ random: inout SeededGenerator
  ) async throws {
    let key = Int64.random(in: 0..<keys, using: &random)
    let id = PointID.int64(key)
    let start = recorder.now()
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<3:
      let value = recorder.value()
      _ = try await engine.write(
        PointBatch(ids: [id], vectors: [1, 2, 3, 4], dimension: 4, payloads: [#"{"v":\#(value)}"#]),
        to: "c0", mode: .upsert)
      recorder.record(key, .write(value), since: start)
    case 3:
      _ = try await engine.delete([id], from: "c0")
      recorder.record(key, .write(nil), since: start)
    case 4..<8:
      let point = try await engine.get([id], from: "c0", includeVectors: true, includePayload: true)
        .points.first
      let value = point?.payload.flatMap { Int($0.filter(\.isNumber)) }
      recorder.record(
        key, .read(cache?.read(key, fresh: value) ?? (cache == nil ? value : nil)), since: start)
    case 8:
      let target = Int.random(in: 0..<targets, using: &random)
      try await engine.alterAlias("a", collection: "c\(target)")
      recorder.record(-1, .write(target), since: start)
    default:
      let answer = try await engine.search(
        SearchRequest(queries: [1, 0, 0, 0], dimension: 4, limit: 1), in: "a")
      let target = Int(answer.servedBy.collection.dropFirst())
      recorder.record(
        -1, .read(cache?.read(-1, fresh: target) ?? (cache == nil ? target : nil)), since: start)
    }
  }
}
