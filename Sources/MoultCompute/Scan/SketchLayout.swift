internal import Foundation

/// Which bits of a code make up its sketch: of the first segments 1, 2 or 3 a dimension, put together to
/// indexes of 6 bits, so that each is looked up in a table of 64.
struct SketchLayout: Sendable {
  /// Segments, one after the other, of whose dimensions the sketch has equally many bits.
  struct Run: Sendable {
    var bits: Int
    var firstDimension: Int
    var dimensions: Int

    var dimensionsPerLine: Int { SketchLayout.indexBits / bits }
    /// The last one may be filled up with no dimensions.
    var lines: Int { (dimensions + dimensionsPerLine - 1) / dimensionsPerLine }
  }

  static let indexBits = 6
  private static let bitsMax = 3

  let runs: [Run]
  /// Lines of dimensions; two more tell a row's terms.
  let dimensionLines: Int

  /// Bytes a row.
  var lines: Int { dimensionLines + 2 }

  /// - Parameters:
  ///   - widths: bits of the segments' codes.
  ///   - variances: of the segments, falling.
  init(widths: [Int], variances: [Double]) {
    var runs: [Run] = []
    for (segment, bits) in SketchLayout.bits(widths: widths, variances: variances).enumerated() where bits > 0
    {
      if let last = runs.last, last.bits == bits {
        runs[runs.count - 1].dimensions += CodeLayout.segmentDimension
      } else {
        runs.append(
          Run(
            bits: bits, firstDimension: CodeLayout.segmentDimension * segment,
            dimensions: CodeLayout.segmentDimension))
      }
    }
    self.runs = runs
    dimensionLines = runs.reduce(0) { $0 + $1.lines }
  }

  /// Of each segment's dimensions. Each next bit goes where it takes most off `Σ Vᵖ·D(bits)`.
  ///
  /// p and how many bits there are, 10 for 12 segments and 14 for 24, were chosen by measuring: with more, every
  /// row costs more; with fewer, more rows have their codes scored.
  private static func bits(widths: [Int], variances: [Double]) -> [Int] {
    let distortions = [1] + (1...bitsMax).map { LevelTable.lloyd(bits: $0).distortion }
    let weights = variances.map { pow(max(0, $0), 1.25) }
    var bits = [Int](repeating: 0, count: widths.count)
    for _ in 0..<Int((2.9 * Double(widths.count).squareRoot()).rounded()) {
      var best: (gain: Double, segment: Int)?
      for segment in bits.indices where bits[segment] < min(bitsMax, widths[segment]) {
        let gain = weights[segment] * (distortions[bits[segment]] - distortions[bits[segment] + 1])
        if best.map({ gain > $0.gain }) ?? true { best = (gain, segment) }
      }
      guard let best else { break }
      bits[best.segment] += 1
    }
    return bits.sorted(by: >)
  }
}
