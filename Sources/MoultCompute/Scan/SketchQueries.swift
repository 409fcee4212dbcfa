internal import Foundation

/// A batch of queries as scans of sketches read them: tables of bytes, and what a sum of bytes means.
///
/// With u = additive/factor and v = 1/factor a row reaches a bar where
///
///     scale·Σ weight·level + offset + u − bar·v ≥ 0
///
/// A sketch knows the first sum but for a residual, of which the slack is some standard deviations; steps of u
/// and v are taken by the end that favours the row. Entries are what these add, in steps of `unit`, so a sum is
/// compared with one byte. What lies far below the mean or far above every bar need not be told apart, and sums
/// stay at the ends of their bytes.
final class SketchQueries: @unchecked Sendable {
  struct Query {
    var scale: Float
    var offset: Float
    var bias: Int32
    /// What one step of a byte stands for.
    var unit: Float
    /// Variance of what sketches leave of the sum.
    var residual: Float
    /// Standard deviation of what sketches tell of the sum.
    var deviation: Float
    /// The bar that the table of v is made for.
    var reference: Float = 0
  }

  let count: Int
  let lines: Int
  private(set) var queries: [Query] = []
  let tables: UnsafeMutablePointer<Int8>
  /// In row order.
  let weights: UnsafeMutablePointer<Int8>
  let dimension: Int
  private var layout: SketchLayout { sketches.layout }
  private let sketches: Sketches
  private let chunk: [LevelQuery]
  private let deviations: Float

  /// Near neighbours are near in their tails, which a head leaves whole; what cells leave is smaller and less like
  /// the query, so fewer deviations lose no more.
  private static let deviationShare: Float = 0.85

  /// What the mean of the sums comes to: 78 steps above the least, 177 below the largest.
  private static let mean: Float = -50
  /// Steps of a standard deviation: bars are 3 or 4 of them above the mean, and the byte reaches 5.
  private static let stepsPerDeviation: Float = 34
  /// Steps above the mean that first bars have at most.
  private static let barMax: Float = 120

  init(_ chunk: [LevelQuery], sketches: Sketches, tailDeviations: Float) {
    count = chunk.count
    lines = sketches.layout.lines
    dimension = sketches.codes.dimension
    self.sketches = sketches
    self.chunk = chunk
    deviations = SketchQueries.deviationShare * tailDeviations
    tables = UnsafeMutableRawPointer.allocate(byteCount: max(64, count * lines * 64), alignment: 64)
      .bindMemory(to: Int8.self, capacity: count * lines * 64)
    weights = UnsafeMutableRawPointer.allocate(byteCount: max(64, count * dimension), alignment: 64)
      .bindMemory(to: Int8.self, capacity: count * dimension)
    for (i, query) in chunk.enumerated() {
      queries.append(prepare(query, at: i))
      fill(i)
    }
  }

  deinit {
    tables.deallocate()
    weights.deallocate()
  }

  private func prepare(_ query: LevelQuery, at place: Int) -> Query {
    var bias: Int32 = 0
    var residual: Float = 0
    var variance: Float = 0
    query.weights.withUnsafeBufferPointer { weights in
      sketches.codes.writeRowOrder(weights.baseAddress!, to: self.weights + place * dimension)
      for segment in 0..<dimension / 32 {
        var (energy, sum): (Int32, Int32) = (0, 0)
        for j in 32 * segment..<32 * segment + 32 {
          energy &+= Int32(weights[j]) &* Int32(weights[j])
          sum &+= Int32(weights[j])
        }
        bias -= 128 * sum
        let squared = query.scale * query.scale * Float(energy)
        residual += squared * sketches.cells.residuals[segment]
        variance += squared * max(0, sketches.cells.squares[segment] - sketches.cells.residuals[segment])
      }
    }
    let deviation = variance.squareRoot()
    var unit = deviation / SketchQueries.stepsPerDeviation
    // No line may leave its bytes: two or three of the largest weights at their outermost levels.
    var largest: Float = 0
    for run in layout.runs {
      for j in run.firstDimension..<run.firstDimension + run.dimensions {
        let levels = 8 * (j / 32)
        let outermost = max(
          abs(sketches.cells.levels[levels]), abs(sketches.cells.levels[levels + (1 << run.bits) - 1]))
        largest = max(largest, Float(run.dimensionsPerLine) * abs(Float(query.weights[j])) * outermost)
      }
    }
    unit = max(unit, query.scale * largest / 76)
    // Where a query is 0 or overflows, sketches tell nothing: every entry is 0 and every row scored.
    if !(unit.isNormal && (query.scale / unit * 256).isFinite && residual.isFinite) { unit = .infinity }
    return Query(
      scale: query.scale, offset: query.offset, bias: bias, unit: unit, residual: residual,
      deviation: deviation)
  }

  /// Makes the tables of a query, but for that of v.
  private func fill(_ place: Int) {
    let unit = queries[place].unit
    let target = tables + place * lines * 64
    fillDimensions(chunk[place], unit: unit, into: target)
    let edges = sketches.additiveSteps.edges
    let additive = target + layout.dimensionLines * 64
    for step in 0..<TermSteps.count {
      additive[step] = SketchQueries.entry((edges[step + 1] - edges[32]) / unit)
    }
    additive[TermSteps.count] = 0
    (additive + 64).initialize(repeating: 0, count: 64)
  }

  /// A row whose entry is no number shall pass.
  private static func entry(_ value: Float) -> Int8 {
    value.isNaN ? 127 : Int8(max(-128, min(127, value.rounded())))
  }

  /// Entries of a line are sums over its dimensions, made by doubling, in 256ths of a unit.
  private func fillDimensions(_ query: LevelQuery, unit: Float, into target: UnsafeMutablePointer<Int8>) {
    let scale = query.scale / unit * 256
    var target = target
    var start = Int16(256 * SketchQueries.mean) + 128
    withUnsafeTemporaryAllocation(of: Int16.self, capacity: 64) { buffer in
      let sums = buffer.baseAddress!
      for run in layout.runs {
        let cells = 1 << run.bits
        let end = run.firstDimension + run.dimensions
        for line in 0..<run.lines {
          sums[0] = start
          start = 128
          var size = 1
          let first = run.firstDimension + line * run.dimensionsPerLine
          for j in first..<first + run.dimensionsPerLine {
            let weight = j < end ? scale * Float(query.weights[j]) : 0
            let levels = 8 * (min(j, end - 1) / 32)
            for cell in stride(from: cells - 1, through: 0, by: -1) {
              let value = Int16(truncatingIfNeeded: Int32(weight * sketches.cells.levels[levels + cell]))
              for i in 0..<size { sums[cell * size + i] = sums[i] &+ value }
            }
            size *= cells
          }
          for i in 0..<64 { target[i] = Int8(truncatingIfNeeded: sums[i] &>> 8) }
          target += 64
        }
      }
    }
  }

  /// Makes the table of v for a bar near which the scan will be, and all tables with wider steps where that
  /// bar is near the end of the bytes: sums that have been there tell nothing any more.
  func setReference(_ bar: Float, at place: Int) {
    queries[place].reference = bar
    let steps = steps(bar: bar, at: place)
    if steps > SketchQueries.barMax && steps.isFinite {
      queries[place].unit *= steps / SketchQueries.barMax
      fill(place)
    }
    let edges = sketches.inverseSteps.edges
    let table = tables + (place * lines + lines - 1) * 64
    let unit = queries[place].unit
    // −bar·v is largest at the smaller end of v for bars ≥ 0, else at the larger.
    let end = bar >= 0 ? 0 : 1
    for step in 0..<TermSteps.count {
      table[step] = SketchQueries.entry(-bar * (edges[step + end] - edges[32]) / unit)
    }
  }

  /// The byte that sums of rows reach that may reach `bar`.
  func byte(bar: Float, at place: Int) -> Int8 { byte(steps(bar: bar, at: place)) }

  /// The byte above which about `share` of the rows lie.
  func byte(share: Double, at place: Int) -> Int8 {
    queries[place].unit.isFinite
      ? byte(SketchQueries.normalQuantile(share) * queries[place].deviation / queries[place].unit) : -128
  }

  /// How many steps above the mean.
  private func steps(bar: Float, at place: Int) -> Float {
    let query = queries[place]
    if !query.unit.isFinite { return -.infinity }
    let rise = bar - query.reference
    // Entries are rounded: the square of the error of each is a twelfth on average.
    let error = query.residual + query.unit * query.unit * Float(lines) / 12
    let wanted =
      rise * sketches.inverseSteps.edges[rise >= 0 ? 0 : 63] + query.reference * sketches.inverseSteps.middle
      - query.offset - sketches.additiveSteps.middle
    return (wanted - deviations * error.squareRoot()) / query.unit
  }

  private func byte(_ steps: Float) -> Int8 {
    steps.isNaN ? -128 : Int8(max(-128, min(127, (steps + SketchQueries.mean).rounded(.down))))
  }

  /// Above which a normal number lies with probability `share` ≤ 0.5 (Abramowitz and Stegun, 26.2.22).
  static func normalQuantile(_ share: Double) -> Float {
    let t = Float(-2 * log(min(0.5, share))).squareRoot()
    return t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t)
  }
}
