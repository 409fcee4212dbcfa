internal import CMoultKernels
internal import MoultModel

/// Queries of a certified scan: signed bytes, and what bounds their sums. `CertifiedScan` has the proof.
final class CertifiedQueries: @unchecked Sendable {
  /// Queries that share the row's part of the bound. Sorted by what it depends on, they share it at little
  /// loss, and one odd query spoils it only for its neighbours.
  static let chunkMax = 256

  struct Chunk {
    /// The numbers of its queries in the batch.
    var members: [Int]
    /// Bars at −∞.
    var prototypes: [moult_scan_query]
    var units: [Unit]
    /// The largest A and B of `CertifiedScan` among the members.
    var residualWeight = 0.0
    var lengthWeight = 0.0
  }

  /// From float64 scores to what the scan computes: t = scale·score + shift.
  struct Unit {
    var scale: Double
    var shift: Double
    /// Covers the rounding of float64 scores and of the shift, and of this conversion.
    var margin: Double

    /// What the upper bound of a row must reach for its score to possibly reach `score`.
    func bar(_ score: Double) -> Float {
      let product = score * scale
      return lowered(product + shift - 1e-13 * (abs(product) + abs(shift)))
    }

    /// The bar for scores of which only the bound is known, in units of the scan.
    func lowered(_ bound: Double) -> Float { (bound - margin).roundedDown() }
  }

  let chunks: [Chunk]
  private let memory: UnsafeMutablePointer<Int8>

  /// - Parameters:
  ///   - centre: what is taken off every row; `dimension` floats.
  ///   - levelCount: bytes a row has, `dimension` filled up to whole segments.
  init(_ queries: [ExactQuery], centre: [Float], levelCount: Int, parallel: ParallelFor) {
    // Cache lines of their own: a kernel broadcasts from every query at once.
    let stride = (levelCount + 63) / 64 * 64
    memory = .allocate(capacity: max(1, queries.count * stride))
    memory.initialize(repeating: 0, count: queries.count * stride)
    nonisolated(unsafe) let memory = memory
    let rounded = ResultSlots<Rounded>(repeating: Rounded(), count: queries.count)
    let perRound = 64
    parallel.run((queries.count + perRound - 1) / perRound) { round in
      for i in round * perRound..<min(queries.count, (round + 1) * perRound) {
        rounded[i] = Rounded(queries[i], centre: centre, into: memory + i * stride)
      }
    }
    // A typical row's ρ is about a hundredth of its length.
    let order = (0..<queries.count).sorted {
      let (a, b) = (rounded[$0], rounded[$1])
      return (a.lengthWeight + 0.01 * a.residualWeight, $0) < (b.lengthWeight + 0.01 * b.residualWeight, $1)
    }
    var chunks: [Chunk] = []
    for first in Swift.stride(from: 0, to: order.count, by: CertifiedQueries.chunkMax) {
      var chunk = Chunk(
        members: Array(order[first..<min(order.count, first + CertifiedQueries.chunkMax)]), prototypes: [],
        units: [])
      for member in chunk.members {
        let query = rounded[member]
        var scan = moult_scan_query()
        scan.first = UnsafePointer(memory + member * stride)
        scan.first_bias = -128 * query.weightSum
        scan.scale = query.scale
        scan.bar = -.infinity
        chunk.prototypes.append(scan)
        chunk.units.append(query.unit)
        chunk.residualWeight = max(chunk.residualWeight, query.residualWeight)
        chunk.lengthWeight = max(chunk.lengthWeight, query.lengthWeight)
      }
      chunks.append(chunk)
    }
    self.chunks = chunks
  }

  deinit {
    memory.deallocate()
  }

  /// One query: g, its bytes W, scale and the weights A and B.
  private struct Rounded {
    var scale: Float = 0
    var weightSum: Int32 = 0
    var residualWeight = 0.0
    var lengthWeight = 0.0
    var unit = Unit(scale: 1, shift: 0, margin: 0)

    init() {}

    init(_ query: ExactQuery, centre: [Float], into weights: UnsafeMutablePointer<Int8>) {
      let isDistance = query.metric == .squaredEuclidean
      let inverse = query.norm > 0 ? 1 / query.norm : 0
      var wanted = [Double](repeating: 0, count: query.dimension)
      var (largest, centreSquare, centreProduct) = (0.0, 0.0, 0.0)
      for j in 0..<query.dimension {
        let c = Double(centre[j])
        let g = isDistance ? 2 * (Double(query.floats[j]) - c) : Double(query.floats[j]) * inverse
        wanted[j] = g
        largest = max(largest, abs(g))
        centreSquare += c * c
        centreProduct += c * g
      }
      var size = 1.0
      if largest > 1e-15 && largest < 1e15 {
        let step = largest / 127
        var squares = 0
        for j in 0..<query.dimension {
          let weight = Int32((wanted[j] / step).rounded())
          weights[j] = Int8(weight)
          weightSum += weight
          squares += Int(weight * weight)
        }
        let length = Double(squares).squareRoot()
        scale = Float(isDistance ? step : 1 / length)
        if !isDistance { size = step / Double(scale) }
        residualWeight = Double(scale) * length * (1 + 1e-9)
      }
      var (rest, square) = (0.0, 0.0)
      for j in 0..<query.dimension {
        let difference = wanted[j] / size - Double(scale) * Double(weights[j])
        rest += difference * difference
        square += wanted[j] * wanted[j]
      }
      lengthWeight = rest.squareRoot() * (1 + 1e-9) + 1e-13 * (square.squareRoot() / size)
      let centreLength = centreSquare.squareRoot()
      switch query.metric {
      case .cosine:
        unit = Unit(scale: 1 / size, shift: -centreProduct / size, margin: 4e-11 * (1 + centreLength))
      case .innerProduct:
        unit = Unit(
          scale: query.norm > 0 ? inverse / size : 1, shift: -centreProduct / size,
          margin: 4e-11 * centreLength)
      case .squaredEuclidean:
        unit = Unit(scale: 1, shift: square / 4, margin: 1e-11 * square)
      }
    }
  }
}
