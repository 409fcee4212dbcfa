import MoultCompute
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// A clock that only sleeping moves.
private final class VirtualClock: PaceClock {
  private let seconds = Mutex(0.0)
  private let slept = Mutex<[Double]>([])

  var now: Double { seconds.withLock { $0 } }
  var sleeps: [Double] { slept.withLock { $0 } }

  func sleep(_ duration: Double) {
    slept.withLock { $0.append(duration) }
    move(duration)
  }

  func move(_ duration: Double) { seconds.withLock { $0 += duration } }
}

@Suite("Pace of a job")
struct PaceTests {
  private let clock = VirtualClock()
  private let latencies = SearchLatencies()

  private func pace(_ limits: JobLimits, isStopped: @escaping @Sendable () -> Bool = { false }) -> Pace {
    Pace(limits, latencies: latencies, clock: clock, isStopped: isStopped)
  }

  @Test("rows begun never exceed the rate, whatever the work takes, and reach it when the work is faster")
  func rate() {
    var random = SeededGenerator(seed: 5)
    let pace = pace(JobLimits(rowsPerSecond: 1_000))
    var begun = 0
    var rests = 0.0
    for _ in 0..<500 {
      let rows = Int.random(in: 1...400, using: &random)
      let before = clock.now
      pace.begin(rows: rows)
      rests += clock.now - before
      // All but the rows of this call.
      #expect(Double(begun) <= 1_000 * clock.now + 1e-6)
      begun += rows
      clock.move(Double(rows) * 0.000_4)
    }
    #expect(Double(begun) >= 0.98 * 1_000 * clock.now)
    #expect(rests > 0)
  }

  @Test("time in which nothing was asked for is not made up for")
  func noBurst() {
    let pace = pace(JobLimits(rowsPerSecond: 100))
    pace.begin(rows: 100)
    clock.move(1_000)
    pace.begin(rows: 100)
    #expect(clock.now == 1_000)
    pace.begin(rows: 100)
    #expect(abs(clock.now - 1_001) < 1e-9)
  }

  @Test("without limits nothing waits")
  func unlimited() {
    let pace = pace(JobLimits())
    for _ in 0..<100 { pace.begin(rows: 1_000_000) }
    pace.paced(.serial).run(10) { _ in clock.move(1) }
    #expect(clock.sleeps.isEmpty)
  }

  @Test("a job that is to stop waits for a tenth of a second at most")
  func stops() {
    let isStopped = Atomic<Bool>(false)
    let clock = clock
    let pace = pace(JobLimits(rowsPerSecond: 1)) {
      if clock.now >= 0.3 { isStopped.store(true, ordering: .relaxed) }
      return isStopped.load(ordering: .relaxed)
    }
    pace.begin(rows: 1_000)
    pace.begin(rows: 1)
    #expect(clock.now < 0.5)
    #expect(clock.sleeps.allSatisfy { $0 <= 0.1 })
  }

  private func search(_ milliseconds: Double, times: Int, besideJob: Bool) {
    for _ in 0..<times { latencies.record(milliseconds / 1_000, besideJob: besideJob) }
  }

  @Test("rests grow while searches beside the job are slow, and end when they are not")
  func slowsItself() {
    search(1, times: 2_000, besideJob: false)
    let pace = pace(JobLimits(maximumP99Rise: 0.25))
    let loop = pace.paced(.serial)
    func secondsOfRest() -> Double {
      let before = clock.now
      loop.run(1) { _ in clock.move(0.01) }
      return clock.now - before - 0.01
    }
    #expect(secondsOfRest() == 0)
    var last = 0.0
    for _ in 0..<4 {
      search(1, times: 190, besideJob: true)
      search(2, times: 10, besideJob: true)
      let rest = secondsOfRest()
      #expect(rest > last)
      last = rest
    }
    // Slower, but by less than the limit.
    for _ in 0..<10 {
      search(1.1, times: 400, besideJob: true)
      _ = secondsOfRest()
    }
    #expect(secondsOfRest() < 1e-9)
  }

  @Test("rests stay through a short silence, and end a while after searches have ended")
  func recovers() {
    search(1, times: 2_000, besideJob: false)
    let pace = pace(JobLimits(maximumP99Rise: 0.25))
    let loop = pace.paced(.serial)
    func secondsOfRest() -> Double {
      let before = clock.now
      loop.run(1) { _ in clock.move(0.01) }
      return clock.now - before - 0.01
    }
    for _ in 0..<10 {
      search(2, times: 200, besideJob: true)
      _ = secondsOfRest()
    }
    let ended = clock.now
    let longest = 0.01 * PaceGovernor.restMax
    while clock.now < ended + Pace.quietSeconds - 1 {
      #expect(abs(secondsOfRest() - longest) < 1e-9)
    }
    // Halved six times the longest rest is none.
    while clock.now < ended + 8 * Pace.quietSeconds { _ = secondsOfRest() }
    #expect(secondsOfRest() < 1e-9)
  }

  @Test("without enough searches of either kind the job goes at full speed")
  func unknown() {
    let pace = pace(JobLimits(maximumP99Rise: 0.25))
    search(1, times: SearchLatencies.idleCountMin - 1, besideJob: false)
    search(100, times: 1_000, besideJob: true)
    pace.paced(.serial).run(3) { _ in clock.move(1) }
    #expect(clock.sleeps.isEmpty)
    search(1, times: 1, besideJob: false)
    pace.paced(.serial).run(1) { _ in clock.move(1) }
    #expect(!clock.sleeps.isEmpty)
  }

  @Test("searches beside an earlier job do not count")
  func forgets() {
    search(1, times: 2_000, besideJob: false)
    search(100, times: 1_000, besideJob: true)
    pace(JobLimits(maximumP99Rise: 0.25)).paced(.serial).run(3) { _ in clock.move(1) }
    #expect(clock.sleeps.isEmpty)
  }
}

@Suite("Governor")
struct PaceGovernorTests {
  @Test("stays within its bounds, reacts to one look, and is at rest after few good ones")
  func bounds() {
    var random = SeededGenerator(seed: 9)
    var governor = PaceGovernor()
    for _ in 0..<2_000 {
      let before = governor.restPerWork
      let isSlow = Bool.random(using: &random)
      governor.observe(slow: isSlow ? 3 : 2, of: 200)
      let rest = governor.restPerWork
      #expect(rest == 0 || (PaceGovernor.restMin...PaceGovernor.restMax).contains(rest))
      #expect(isSlow ? rest > before || rest == PaceGovernor.restMax : rest < before || rest == 0)
    }
    for _ in 0..<20 { governor.observe(slow: 200, of: 200) }
    #expect(governor.restPerWork == PaceGovernor.restMax)
    for _ in 0..<6 { governor.observe(slow: 0, of: 200) }
    #expect(governor.restPerWork == 0)
  }
}

@Suite("Latency histogram")
struct LatencyHistogramTests {
  @Test("quantiles are within a step above the exact ones, and counts above agree with them")
  func quantiles() {
    var random = SeededGenerator(seed: 3)
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.99) == 0)
    var values: [Double] = []
    for _ in 0..<10_000 {
      let value = 1e-5 * Double.random(in: 1...1_000, using: &random)
      values.append(value)
      histogram.add(value)
    }
    values.sort()
    for share in [0.0, 0.5, 0.9, 0.99] {
      let exact = values[Int(Double(values.count) * share)]
      let found = histogram.quantile(share)
      #expect(found >= exact && found <= exact * 1.05, "\(share): \(found) for \(exact)")
      let above = values.count { $0 > found }
      #expect(histogram.count(above: found / 1.000_001) == above)
    }
    histogram.halve()
    #expect(abs(histogram.quantile(0.5) / values[5_000] - 1) < 0.06)
  }

  @Test("durations beyond both ends are counted at the ends", arguments: [0, -1, 1e-9, 1e9, .infinity])
  func ends(seconds: Double) {
    var histogram = LatencyHistogram()
    histogram.add(seconds)
    #expect(histogram.total == 1)
    #expect(histogram.quantile(0.5) > 0)
  }
}
