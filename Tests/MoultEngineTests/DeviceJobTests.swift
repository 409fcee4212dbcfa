import MoultCompute
import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite(
  "Jobs on a device",
  .enabled(if: EmulatedDevice.isBuilt, "\(EmulatedDevice.variable) names no library; `make test` builds one"))
struct DeviceJobTests {
  private struct Outcome {
    var answers: [[PointID]]
    var recall: Double?
    var statistics: EngineStatistics
  }

  /// A switch to `quantization`, verified with 20 queries, and what they find afterwards.
  private func switched(
    to quantization: Quantization, index: IndexSpecification = .automatic, device: DeviceSelection
  ) async throws -> Outcome {
    let harness = try await EngineHarness(device: device)
    try await harness.importSample("words", rows: 1_000)
    var job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: quantization, index: index),
        gate: RecallGateRequest(
          minimumRecall: 0.5, queries: SampleVectors.queries(20), dimension: SampleVectors.dimension)))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    let outcome = Outcome(
      answers: try await harness.search("words", queries: SampleVectors.queries(20)),
      recall: job.report?.recallAfter?.mean, statistics: try harness.engine.statistics())
    try await harness.shutDown()
    return outcome
  }

  @Test("a switch has the same codes, answers and recall", arguments: [Quantization.int8, .lloyd4])
  func switching(quantization: Quantization) async throws {
    let device = try EmulatedDevice.open { try Device(library: $0) }
    let onDevice = try await switched(
      to: quantization, device: DeviceSelection(choice: .cuda, device: device))
    let onThreads = try await switched(to: quantization, device: .cpu)
    #expect(onDevice.answers == onThreads.answers)
    #expect(onDevice.recall == onThreads.recall && onDevice.recall != nil)
    let figures = try #require(onDevice.statistics.device)
    #expect(figures.isThere && figures.calls >= 2 && figures.fallbacks == 0, "\(figures)")
    #expect(onThreads.statistics.device == nil)
  }

  @Test("a graph of a switch is built by the device")
  func graph() async throws {
    let device = try EmulatedDevice.open { try Device(library: $0) }
    let outcome = try await switched(
      to: .int8, index: .hnsw(m: 8, efConstruction: 64),
      device: DeviceSelection(choice: .cuda, device: device))
    let other = try EmulatedDevice.open { try Device(library: $0) }
    let scanned = try await switched(
      to: .int8, index: .flat, device: DeviceSelection(choice: .cuda, device: other))
    let (figures, without) = (
      try #require(outcome.statistics.device), try #require(scanned.statistics.device)
    )
    // Its vectors are held, lists made, links chosen.
    #expect(figures.calls >= without.calls + 3, "\(figures), \(without)")
    #expect(figures.fallbacks == 0 && without.fallbacks == 0)
    #expect(try #require(outcome.recall) >= 0.9)
  }

  @Test("a switch survives the loss of the device", arguments: [1, 2, 5, 9])
  func lost(launch: Int) async throws {
    let device = try EmulatedDevice.open([.lostAtLaunch: launch]) { try Device(library: $0) }
    let outcome = try await switched(to: .int8, device: DeviceSelection(choice: .cuda, device: device))
    #expect(outcome.answers == (try await switched(to: .int8, device: .cpu).answers))
    #expect(device.isLost)
    #expect(outcome.statistics.device?.isThere == false)
    #expect(outcome.statistics.device?.fallbacks == 1)
  }
}
