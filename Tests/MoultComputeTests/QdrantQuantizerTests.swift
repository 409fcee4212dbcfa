import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Qdrant's int8 codes")
struct QdrantScalarQuantizerTests {
  private let specification = EncodingSpecification(quantization: .qdrantInt8)

  @Test(
    "codes and scores are those of Qdrant's formula in double", arguments: boundaryDimensions,
    Metric.allCases)
  func equalsFormula(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let count = 50
    let vectors = random.gaussianFloats(count: count * dimension)
    let encoder = try VectorEncoder.trained(specification, dimension: dimension, metric: metric, on: vectors)
    let quantizer = try #require(encoder.quantizer as? QdrantScalarQuantizer)
    let coded = CodedVectors(encoder, vectors)
    let query = random.gaussianFloats(count: dimension)
    let scores = coded.scores(encoder.prepare(query))
    func normalized(_ v: [Float]) -> [Float] {
      var v = v
      if metric == .cosine { VectorNorm.normalize(v, dimension, into: &v) }
      return v
    }
    let all = (0..<count).map { normalized(Array(vectors[$0 * dimension..<($0 + 1) * dimension])) }
    let (least, most) = (all.joined().min()!, all.joined().max()!)
    #expect(quantizer.lower == least && abs(quantizer.step - (most - least) / 127) <= 1e-6 * quantizer.step)
    func code(_ value: Float) -> Double {
      Double(max(0, min(127, (value - quantizer.lower) / quantizer.step)).rounded(.down))
    }
    let (d, lower, alpha) = (Double(dimension), Double(quantizer.lower), Double(quantizer.step))
    let v = normalized(query).map(code)
    for row in 0..<count {
      let u = all[row].map(code)
      for j in 0..<dimension {
        #expect(
          coded.rows.load(fromByteOffset: row * encoder.rowBytes + j, as: UInt8.self) == UInt8(u[j] + 64))
      }
      let expected: Double
      if metric == .squaredEuclidean {
        expected = -alpha * alpha * zip(u, v).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      } else {
        let product = zip(u, v).reduce(0.0) { $0 + $1.0 * $1.1 }
        expected =
          d * lower * lower + alpha * lower * (u.reduce(0, +) + v.reduce(0, +)) + alpha * alpha * product
      }
      let scale = alpha * alpha * 64 * 64 * d + d * lower * lower
      #expect(abs(Double(scores[row]) - expected) < 1e-6 * scale, "row \(row)")
    }
  }

  @Test("scores of a scan of blocks and of a stored row are those of rows", arguments: Metric.allCases)
  func blocks(metric: Metric) throws {
    var random = SeededGenerator(seed: 6)
    let vectors = random.gaussianFloats(count: 200 * 40)
    let encoder = try VectorEncoder.trained(specification, dimension: 40, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let query = Array(vectors[120..<160])
    let rows = FlatIndex.search(
      encoder: encoder, query: encoder.prepare(query), codes: coded.view, live: .all, k: 20)
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view))
    let scanned = FlatIndex.search(queries: query, queryCount: 1, codes: blocks, k: 20)[0]
    #expect(scanned.map(\.row) == rows.map(\.row) && scanned.map(\.score) == rows.map(\.score))
    // The query is rounded as rows are.
    #expect(coded.scores(encoder.prepare(query)) == coded.scores(encoder.prepare(row: 3, of: coded.view)))
  }

  @Test("constant data has codes", arguments: [0, 0.5, -3] as [Float])
  func constant(value: Float) throws {
    let vectors = [Float](repeating: value, count: 40)
    let encoder = try VectorEncoder.trained(specification, dimension: 4, metric: .innerProduct, on: vectors)
    let scores = CodedVectors(encoder, vectors).scores(encoder.prepare([value, value, value, value]))
    #expect(scores.allSatisfy { abs($0 - 4 * value * value) < 1e-5 * (1 + value * value) })
  }
}

@Suite("Qdrant's binary codes")
struct QdrantBinaryQuantizerTests {
  private let specification = EncodingSpecification(quantization: .qdrantBinary)

  @Test(
    "scores are the metric between the vectors of signs: Qdrant's order", arguments: boundaryDimensions,
    Metric.allCases)
  func equalsSigns(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let count = 300
    var vectors = random.gaussianFloats(count: count * dimension)
    for j in 0..<dimension { vectors[j] = 0 }
    let encoder = try VectorEncoder.trained(specification, dimension: dimension, metric: metric, on: vectors)
    #expect(encoder.sideBytes == 0 && encoder.rowBytes == (dimension + 31) / 32 * 4)
    let coded = CodedVectors(encoder, vectors)
    let query = random.gaussianFloats(count: dimension)
    let scores = coded.scores(encoder.prepare(query))
    let signs = vectors.map { $0 > 0 ? Float(1) : -1 }
    let expected = Oracle.scores(query.map { $0 > 0 ? Float(1) : -1 }[...], signs, metric)
    for row in 0..<count { #expect(abs(Double(scores[row]) - expected[row]) < 1e-5) }
    for row in [0, 1, 299] {
      let decoded = encoder.decode(row: row, of: coded.view)
      for j in 0..<dimension {
        #expect((decoded[j] > 0) == (signs[row * dimension + j] > 0))
      }
    }
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view))
    let rows = FlatIndex.search(
      encoder: encoder, query: encoder.prepare(query), codes: coded.view, live: .all, k: 20)
    let scanned = FlatIndex.search(queries: query, queryCount: 1, codes: blocks, k: 20)[0]
    #expect(scanned.map(\.row) == rows.map(\.row) && scanned.map(\.score) == rows.map(\.score))
    let own = encoder.prepare(Array(vectors[dimension..<2 * dimension]))
    #expect(coded.scores(own) == coded.scores(encoder.prepare(row: 1, of: coded.view)))
  }
}
