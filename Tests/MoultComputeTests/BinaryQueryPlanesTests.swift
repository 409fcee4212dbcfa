import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Binary codes, planes of a query")
struct BinaryQueryPlanesTests {
  private static let sample = WordNetSample.shared

  @Test("scores are the formula's for the query rounded to that many bits", arguments: [1, 2, 4, 8])
  func equalsFormula(planes: Int) throws {
    var random = SeededGenerator(seed: UInt64(planes))
    let dimension = 100
    let vectors = (0..<20).flatMap { _ in random.unitVector(dimension: dimension) }
    let query = random.unitVector(dimension: dimension)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .binary), dimension: dimension, metric: .innerProduct, on: vectors)
    let quantizer = try #require(encoder.quantizer as? BinaryQuantizer)
    let coded = CodedVectors(encoder, vectors)
    let padded = quantizer.paddedDimension
    let centre = quantizer.centre.values
    var w = zip(query, centre).map { $0 - $1 } + [Float](repeating: 0, count: padded - dimension)
    quantizer.rotation.apply(&w)
    let (least, most) = (w.min()!, w.max()!)
    let width = (most - least) / Float((1 << planes) - 1)
    let rounded = w.map { least + width * ((($0 - least) / width).rounded(.toNearestOrEven)) }
    let prepared = PreparedQuery()
    quantizer.prepare(query, planes: planes, into: prepared)
    #expect(prepared.planeCount == planes)
    let scores = coded.scores(prepared)
    let codes = coded.rows.assumingMemoryBound(to: UInt8.self)
    for row in 0..<20 {
      let signs = (0..<padded).map {
        codes[row * encoder.rowBytes + $0 / 8] >> UInt8($0 % 8) & 1 == 1 ? Float(1) : -1
      }
      let factors = BinaryFactors(at: coded.side + 8 * row)
      let expected =
        Double(factors.scale) * Oracle.dot(signs[...], rounded[...]) + Double(factors.additive)
        + Oracle.dot(query[...], centre[...])
      #expect(abs(Double(scores[row]) - expected) < 1e-4, "row \(row)")
    }
  }

  /// 4 planes cost 0.2 points of recall@10 on each of three large sets; here a tenth of the rows is searched.
  @Test("4 planes find nearly what 8 find, 1 plane far less")
  func recall() throws {
    let sample = BinaryQueryPlanesTests.sample
    let dimension = sample.dimension
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .binary), dimension: dimension, metric: .cosine, on: sample.base)
    let quantizer = try #require(encoder.quantizer as? BinaryQuantizer)
    let coded = CodedVectors(encoder, sample.base)
    func recall(planes: Int) -> Double {
      let found = (0..<sample.queries.count / dimension).map { query in
        var vector = Array(sample.queries[query * dimension..<(query + 1) * dimension])
        VectorNorm.normalize(vector, dimension, into: &vector)
        let prepared = PreparedQuery()
        quantizer.prepare(vector, planes: planes, into: prepared)
        return FlatIndex.search(
          encoder: encoder, query: prepared, codes: coded.view, live: .all,
          k: 10
        ).map { Int64($0.row) }
      }
      return Recall.estimate(found: found, truth: sample.truth, k: 10).mean
    }
    let (one, four, eight) = (recall(planes: 1), recall(planes: 4), recall(planes: 8))
    #expect(four > eight - 0.03 && one < eight - 0.05, "\(one), \(four), \(eight)")
  }
}
