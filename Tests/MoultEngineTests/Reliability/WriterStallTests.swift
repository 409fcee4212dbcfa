import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

/// How long switches keep writers waiting.
@Suite("R5: writers during switches", .serialized)
struct WriterStallTests {
  private static let dimension = 32
  private static let rows = 6_000
  private static let batch = 50

  private final class Writer: Sendable {
    let isDone = Atomic(false)
    let written = Atomic(0)
  }

  @Test("switches block writers for 20 ms at most, p99", .timeLimit(.minutes(60)))
  func stalls() async throws {
    // Times are judged in a soak, which has as many switches as a p99 needs.
    let count = max(Scale.judgesTimes ? 100 : 0, Scale.count(12, soak: 1_000))
    let harness = try await EngineHarness(segmentRowsMax: 5_000)
    let engine = harness.engine
    _ = try await engine.createCollection(
      "c", schema: CollectionSchema(dimension: Self.dimension, metric: .innerProduct))
    for first in stride(from: 0, to: Self.rows, by: 1_000) {
      try await Self.write(engine, first..<first + 1_000)
    }
    let writer = Writer()
    let writing = Task {
      var first = 0
      while !writer.isDone.load(ordering: .relaxed) {
        try await Self.write(engine, first..<first + Self.batch)
        writer.written.add(Self.batch, ordering: .relaxed)
        first = (first + Self.batch) % Self.rows
      }
    }
    let forms: [EncodingSpecification] = [
      .init(quantization: .int8), .init(quantization: .binary), .init(),
    ]
    var paused: [Double] = []
    for number in 0..<count {
      let job = try await engine.startSwitch(
        "c", SwitchRequest(specification: forms[number % 3], gate: RecallGateRequest(minimumRecall: 0)))
      let finished = try await harness.finish(job)
      #expect(finished.state == .completed)
      paused.append(try #require(finished.report).writersPausedSeconds)
    }
    writer.isDone.store(true, ordering: .relaxed)
    try await writing.value
    try await harness.shutDown()
    paused.sort()
    let p99 = paused[min(paused.count - 1, Int(0.99 * Double(paused.count)))]
    #expect(writer.written.load(ordering: .relaxed) > 0)
    #expect(p99 < (Scale.judgesTimes ? 0.02 : 20), "\(paused)")
    func milliseconds(_ seconds: Double) -> Double { (seconds * 1e5).rounded() / 100 }
    Figures.note(
      "R5", "switches under writes", paused.count, "rows written meanwhile",
      writer.written.load(ordering: .relaxed), "writers blocked p99 ms", milliseconds(p99), "longest ms",
      milliseconds(paused.last ?? 0))
  }

  private static func write(_ engine: Engine, _ ids: Range<Int>) async throws {
    _ = try await engine.write(
      PointBatch(
        ids: ids.map { .int64(Int64($0)) },
        vectors: ids.flatMap { id in (0..<dimension).map { Float((id * 31 + $0 * 17) % 101) - 50.5 } },
        dimension: dimension),
      to: "c", mode: .upsert)
  }
}
