import Foundation

/// The time that a pace is kept by; tests have one that they move.
protocol PaceClock: Sendable {
  /// Seconds since some moment.
  var now: Double { get }
  func sleep(_ seconds: Double)
}

struct SystemPaceClock: PaceClock {
  private static let start = ContinuousClock.now

  var now: Double { Self.start.secondsToNow }
  func sleep(_ seconds: Double) { Thread.sleep(forTimeInterval: seconds) }
}
