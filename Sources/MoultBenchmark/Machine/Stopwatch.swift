/// Durations in seconds.
package enum Stopwatch {
  package static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    return seconds(from: start, to: clock.now)
  }

  package static func seconds(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> Double
  {
    let duration = (end - start).components
    return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
  }
}
