import Glibc

/// How long things took, counted in steps of 4 %: 1 µs to about a quarter of an hour.
struct LatencyHistogram: Sendable {
  private static let stepsPerOctave = 16.0
  private static let octaves = 30
  private var counts = [UInt32](repeating: 0, count: octaves * Int(stepsPerOctave))
  private(set) var total = 0

  private static func step(_ seconds: Double) -> Int {
    let step = stepsPerOctave * log2(max(seconds, 1e-6) * 1e6)
    return step < Double(octaves) * stepsPerOctave ? Int(step) : octaves * Int(stepsPerOctave) - 1
  }

  mutating func add(_ seconds: Double) {
    counts[Self.step(seconds)] += 1
    total += 1
  }

  /// The upper end of the step in which the quantile lies, in seconds; 0 when nothing was counted.
  ///
  /// - Parameter share: 0 ..< 1.
  func quantile(_ share: Double) -> Double {
    var above = total - Int(Double(total) * share)
    guard above > 0 else { return 0 }
    for (step, count) in counts.enumerated().reversed() {
      above -= Int(count)
      if above <= 0 { return 1e-6 * exp2(Double(step + 1) / Self.stepsPerOctave) }
    }
    return 0
  }

  /// How many lie in steps above that of `seconds`.
  func count(above seconds: Double) -> Int {
    counts[(Self.step(seconds) + 1)...].reduce(0) { $0 + Int($1) }
  }

  /// Lets what comes next count twice as much as what was.
  mutating func halve() {
    for step in counts.indices { counts[step] /= 2 }
    total = counts.reduce(0) { $0 + Int($1) }
  }

  mutating func removeAll() { self = LatencyHistogram() }
}
