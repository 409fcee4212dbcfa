import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("int4 codes")
struct Int4QuantizerTests {
  private let int4 = EncodingSpecification(quantization: .int4)

  /// Gaussian vectors whose dimensions have deviations from 0.1 to 3 around different means.
  private func vectors(count: Int, dimension: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    let spreads = random.floats(count: dimension, range: 0.1...3)
    let means = random.floats(count: dimension)
    return (0..<count).flatMap { _ in (0..<dimension).map { means[$0] + spreads[$0] * random.gaussian() } }
  }

  private func quantizer(_ encoder: VectorEncoder) throws -> Int4Quantizer {
    try #require(encoder.quantizer as? Int4Quantizer)
  }

  @Test("a code is the nearest level, low nibble first", arguments: boundaryDimensions, [20, 300])
  func nearestLevel(dimension: Int, count: Int) throws {
    let vectors = vectors(count: count, dimension: dimension, seed: UInt64(dimension))
    let encoder = try VectorEncoder.trained(int4, dimension: dimension, metric: .innerProduct, on: vectors)
    let quantizer = try quantizer(encoder)
    let coded = CodedVectors(encoder, vectors)
    #expect(encoder.rowBytes == (dimension + 31) / 32 * 16 && encoder.sideBytes == 4)
    for row in stride(from: 0, to: count, by: 7) {
      for j in 0..<dimension {
        let byte = coded.rows.load(fromByteOffset: row * encoder.rowBytes + j / 2, as: UInt8.self)
        let level = Double(byte >> UInt8(4 * (j % 2)) & 15) - 8
        let v = Double(vectors[row * dimension + j]) - Double(quantizer.centre.values[j])
        let place = max(-8, min(7, v / Double(quantizer.steps.values[j])))
        #expect(abs(place - level) <= 0.5001, "row \(row), dimension \(j)")
      }
    }
  }

  @Test("scores are those of the decoded vectors", arguments: boundaryDimensions, Metric.allCases)
  func scoresDecoded(dimension: Int, metric: Metric) throws {
    let count = 300
    let vectors = vectors(count: count, dimension: dimension, seed: UInt64(dimension))
    let encoder = try VectorEncoder.trained(int4, dimension: dimension, metric: metric, on: vectors)
    let quantizer = try quantizer(encoder)
    let coded = CodedVectors(encoder, vectors)
    var query = self.vectors(count: 1, dimension: dimension, seed: 77)
    let scores = coded.scores(encoder.prepare(query))
    if metric == .cosine { VectorNorm.normalize(query, dimension, into: &query) }
    let centre = quantizer.centre.values
    let isDistance = metric == .squaredEuclidean
    // Folded entries are rounded to 1/127 of the largest: half of that times the levels' length.
    let folded = (0..<dimension).map {
      (isDistance ? query[$0] - centre[$0] : query[$0]) * quantizer.steps.values[$0]
    }
    let rounding = Double(folded.map(abs).max()!) / 254
    for row in stride(from: 0, to: count, by: 13) {
      let decoded = encoder.decode(row: row, of: coded.view)
      let factor = Double((coded.side + row * encoder.sideBytes).load(as: Float.self))
      let x = Array(vectors[row * dimension..<(row + 1) * dimension])
      var expected = Oracle.dot(query[...], decoded[...])
      if isDistance {
        let w = zip(query, centre).map { $0 - $1 }
        let v = zip(x, centre).map { $0 - $1 }
        let y = zip(decoded, centre).map { $0 - $1 }
        expected = min(
          0, 2 * Oracle.dot(w[...], y[...]) - Oracle.dot(w[...], w[...]) - Oracle.dot(v[...], v[...]))
      }
      let bound = factor * rounding * 8 * Double(dimension).squareRoot() * 1.5
      let scale = norm(query) * (norm(query) + norm(decoded)) + 1
      #expect(abs(Double(scores[row]) - expected) < bound + 1e-5 * scale, "row \(row)")
    }
  }

  @Test("a decoded vector has the length of the original", arguments: [Metric.cosine, .innerProduct])
  func keepsLength(metric: Metric) throws {
    let vectors = vectors(count: 300, dimension: 30, seed: 5)
    let encoder = try VectorEncoder.trained(int4, dimension: 30, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<50 {
      let length = metric == .cosine ? 1 : norm(vectors[row * 30..<(row + 1) * 30])
      #expect(abs(norm(encoder.decode(row: row, of: coded.view)) - length) < 1e-5 * length)
    }
  }

  @Test("scores of a scan of blocks are those of rows", arguments: [5, 32, 100], Metric.allCases)
  func blocks(dimension: Int, metric: Metric) throws {
    let vectors = vectors(count: 300, dimension: dimension, seed: UInt64(dimension))
    let encoder = try VectorEncoder.trained(int4, dimension: dimension, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view))
    let query = Array(vectors[3 * dimension..<4 * dimension])
    let rows = FlatIndex.search(
      encoder: encoder, query: encoder.prepare(query), codes: coded.view, live: .all, k: 20)
    let scanned = FlatIndex.search(queries: query, queryCount: 1, codes: blocks, k: 20)[0]
    #expect(scanned.map(\.row) == rows.map(\.row) && scanned.map(\.score) == rows.map(\.score))
  }

  @Test("the reach is the one of least measured error", arguments: [Metric.innerProduct, .squaredEuclidean])
  func reachIsBest(metric: Metric) throws {
    let vectors = vectors(count: 600, dimension: 40, seed: 3)
    let encoder = try VectorEncoder.trained(int4, dimension: 40, metric: metric, on: vectors)
    let best = try quantizer(encoder)
    let errors = try #require(
      vectors.withUnsafeBufferPointer {
        SampleErrors(sample: $0.baseAddress!, count: 600, dimension: 40, metric: metric)
      })
    let least = errors.measure(best).squared
    for scale in [0.5, 0.7, 0.85, 1.2, 1.5, 2.5] as [Float] {
      let other = Int4Quantizer(
        dimension: 40, metric: metric, centre: best.centre,
        steps: FloatBuffer(best.steps.values.map { scale * $0 }), errorScale: 1)
      #expect(errors.measure(other).squared > 0.98 * least, "steps times \(scale)")
    }
    // Normal data: 16 levels want 0.335 standard deviations.
    let squares = (0..<600).reduce(0.0) {
      let v = Double(vectors[$1 * 40] - best.centre.values[0])
      return $0 + v * v
    }
    let ratio = Double(best.steps.values[0]) / (squares / 600).squareRoot()
    #expect((0.28...0.4).contains(ratio), "\(ratio)")
  }

  @Test("golden section comes as near as it says with as many evaluations", arguments: [2, 3, 12, 20])
  func goldenSection(evaluations: Int) {
    for place in [0, 0.1, 1.3, 2.9, 4] {
      var asked = 0
      let found = GoldenSection.minimum(in: 0...4, evaluations: evaluations) {
        asked += 1
        return abs($0 - place)
      }
      #expect(asked == evaluations)
      var width = 4.0
      for _ in 1..<evaluations { width *= 0.618_034 }
      #expect(abs(found - place) <= width, "\(place)")
    }
  }

  @Test("dimensions that never vary are exact", arguments: Metric.allCases)
  func deadDimensions(metric: Metric) throws {
    var random = SeededGenerator(seed: 7)
    let vectors = (0..<300 * 20).map { $0 % 20 == 3 ? 0 : $0 % 20 == 8 ? 0.25 : random.gaussian() }
    let encoder = try VectorEncoder.trained(int4, dimension: 20, metric: .squaredEuclidean, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<300 {
      let decoded = encoder.decode(row: row, of: coded.view)
      #expect(decoded[3] == 0 && decoded[8] == 0.25)
    }
    // They still have codes, should they vary later.
    var later = Array(vectors[..<20])
    later[3] = 1
    let codedLater = CodedVectors(encoder, later)
    #expect(abs(encoder.decode(row: 0, of: codedLater.view)[3] - 1) < 0.5)
  }

  @Test(
    "constant data decodes to itself, and other data still has codes",
    arguments: [0, 1, -1, 0.3, -700, 1e-20, 1e30] as [Float], [10, 300])
  func constantData(value: Float, count: Int) throws {
    let constant = [Float](repeating: value, count: 4 * count)
    let encoder = try VectorEncoder.trained(int4, dimension: 4, metric: .squaredEuclidean, on: constant)
    let other = [value, value == 0 ? 0.5 : value * 1.5, 0, value]
    let coded = CodedVectors(encoder, constant + other)
    #expect(encoder.decode(row: 0, of: coded.view).allSatisfy { $0 == value })
    let decoded = encoder.decode(row: count, of: coded.view)
    #expect(abs(decoded[1] - other[1]) <= abs(other[1]) * 0.3)
    // The square of 1e30 is no float.
    #expect(value > 1e18 || coded.scores(encoder.prepare(other)).allSatisfy { $0.isFinite })
  }

  @Test("a zero vector scores 0 under cosine and inner product", arguments: [Metric.cosine, .innerProduct])
  func zeroVector(metric: Metric) throws {
    let vectors = vectors(count: 9, dimension: 16, seed: 8) + [Float](repeating: 0, count: 16)
    let encoder = try VectorEncoder.trained(int4, dimension: 16, metric: metric, on: vectors)
    #expect(CodedVectors(encoder, vectors).scores(encoder.prepare(Array(vectors[..<16])))[9] == 0)
  }

  @Test("its standard error is what is measured, on vectors it was not fitted to", arguments: Metric.allCases)
  func standardError(metric: Metric) throws {
    let count = 2000
    let all = vectors(count: 2 * count + 8, dimension: 128, seed: 9)
    let encoder = try VectorEncoder.trained(
      int4, dimension: 128, metric: metric, on: Array(all[..<(128 * count)]))
    let vectors = Array(all[(128 * count)..<(256 * count)])
    let coded = CodedVectors(encoder, vectors)
    var normalized: [Double] = []
    for query in 0..<8 {
      let query = all[(128 * (2 * count + query))..<(128 * (2 * count + query + 1))]
      let prepared = encoder.prepare(Array(query))
      let scores = coded.scores(prepared)
      var errors = [Float](repeating: .nan, count: count)
      encoder.standardErrors(prepared, coded.view, first: 0, count: count, into: &errors)
      for (row, exact) in Oracle.scores(query, vectors, metric).enumerated() {
        normalized.append((Double(scores[row]) - exact) / Double(errors[row]))
      }
    }
    let variance = normalized.reduce(0) { $0 + $1 * $1 } / Double(normalized.count)
    #expect((0.8...1.2).contains(variance.squareRoot()), "\(variance.squareRoot())")
  }

  @Test("says what it cannot be trained from", arguments: [[], [.infinity, 0], [.nan, 1]] as [[Float]])
  func refuses(sample: [Float]) {
    let error = #expect(throws: MoultError.self) {
      try VectorEncoder.trained(int4, dimension: 2, metric: .innerProduct, on: sample)
    }
    #expect(error?.code == (sample.isEmpty ? .invalidArgument : .invalidVector))
  }
}
