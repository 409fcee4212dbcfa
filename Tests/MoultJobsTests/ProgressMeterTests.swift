import MoultTesting
import Testing

@testable import MoultJobs

@Suite("ProgressMeter")
struct ProgressMeterTests {
  @Test("a constant speed is measured exactly, at every interval", arguments: [1, 249, 250, 251, 30_001])
  func constantSpeed(interval: Int64) {
    var meter = ProgressMeter()
    for report in 0..<50 {
      let now = Int64(report) * interval
      let progress = meter.measure(phase: "p", rowsDone: now * 3, rowsTotal: 1_000_000_000, now: now)
      if report == 0 {
        #expect(progress.rowsPerSecond == nil && progress.etaSeconds == nil)
      } else {
        #expect(progress.rowsPerSecond == 3_000)
        #expect(progress.etaSeconds == Double(1_000_000_000 - now * 3) / 3_000)
      }
    }
  }

  @Test("rows of an earlier attempt do not count as speed")
  func resumed() {
    var meter = ProgressMeter()
    _ = meter.measure(phase: "p", rowsDone: 900_000, rowsTotal: 1_000_000, now: 5)
    let progress = meter.measure(phase: "p", rowsDone: 900_100, rowsTotal: 1_000_000, now: 1_005)
    #expect(progress.rowsPerSecond == 100 && progress.etaSeconds == 999)
  }

  @Test("half a minute after a change of speed only the new one is left")
  func forgets() {
    var meter = ProgressMeter()
    var rows: Int64 = 0
    for second in 0..<60 {
      rows += 1_000
      _ = meter.measure(phase: "p", rowsDone: rows, rowsTotal: 0, now: Int64(second) * 1_000)
    }
    var rate: Double?
    for second in 60..<90 {
      rows += 10
      rate = meter.measure(phase: "p", rowsDone: rows, rowsTotal: 0, now: Int64(second) * 1_000).rowsPerSecond
    }
    #expect(rate == 10)
  }

  @Test("a new phase, fewer rows or a clock that goes back begin anew")
  func restarts() {
    var meter = ProgressMeter()
    _ = meter.measure(phase: "a", rowsDone: 0, rowsTotal: 10, now: 0)
    #expect(meter.measure(phase: "b", rowsDone: 5, rowsTotal: 10, now: 1_000).rowsPerSecond == nil)
    #expect(meter.measure(phase: "b", rowsDone: 4, rowsTotal: 10, now: 2_000).rowsPerSecond == nil)
    #expect(meter.measure(phase: "b", rowsDone: 5, rowsTotal: 10, now: 1_500).rowsPerSecond == nil)
    #expect(meter.measure(phase: "b", rowsDone: 6, rowsTotal: 10, now: 2_500).rowsPerSecond == 1)
  }

  @Test("the remaining time is unknown without a total or without speed, and never negative")
  func unknownRemainder() {
    var meter = ProgressMeter()
    _ = meter.measure(phase: "a", rowsDone: 0, rowsTotal: 0, now: 0)
    #expect(meter.measure(phase: "a", rowsDone: 5, rowsTotal: 0, now: 1_000).etaSeconds == nil)
    #expect(meter.measure(phase: "a", rowsDone: 5, rowsTotal: 3, now: 1_000).etaSeconds == 0)
    _ = meter.measure(phase: "b", rowsDone: 5, rowsTotal: 9, now: 2_000)
    let standing = meter.measure(phase: "b", rowsDone: 5, rowsTotal: 9, now: 3_000)
    #expect(standing.rowsPerSecond == 0 && standing.etaSeconds == nil)
  }

  @Test("whatever is reported, rates are finite and not negative", arguments: UInt64(0)..<50)
  func anyReports(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var meter = ProgressMeter()
    for _ in 0..<200 {
      let progress = meter.measure(
        phase: ["a", "b"].randomElement(using: &random) ?? "a",
        rowsDone: Int64.random(in: 0...1_000_000, using: &random),
        rowsTotal: Int64.random(in: 0...1_000_000, using: &random),
        now: Int64.random(in: 0...100_000, using: &random))
      if let rate = progress.rowsPerSecond { #expect(rate.isFinite && rate >= 0, "seed \(seed)") }
      if let eta = progress.etaSeconds { #expect(eta.isFinite && eta >= 0, "seed \(seed)") }
    }
  }
}
