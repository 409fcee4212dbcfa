import MoultModel
import Testing

@testable import MoultCompute

/// Recall on real embeddings, against the figures of the data set's README and our own measurements.
@Suite("Recall on WordNet embeddings")
struct WordNetRecallTests {
  /// Recall@10 of the codes alone, and after rescoring three times as many candidates.
  private func recall(
    _ specification: EncodingSpecification
  ) throws -> (codes: MeasuredRecall, rescored: MeasuredRecall) {
    let sample = WordNetSample.shared
    let encoder = try VectorEncoder.trained(
      specification, dimension: 384, metric: .cosine, on: Array(sample.base[..<(384 * 2000)]))
    let coded = CodedVectors(encoder, sample.base)
    let originals = CodedVectors(.identity(dimension: 384, metric: .cosine), sample.base)
    var found: [[Int64]] = []
    var rescored: [[Int64]] = []
    for q in 0..<200 {
      let query = Array(sample.queries[q * 384..<(q + 1) * 384])
      let candidates = FlatIndex.search(
        encoder: encoder, query: encoder.prepare(query), codes: coded.view, live: .all, k: 30)
      found.append(candidates.map { Int64($0.row) })
      rescored.append(
        Rescoring.rescore(
          candidates: candidates, query: query, originals: originals.view, dimension: 384, metric: .cosine
        ).map { Int64($0.row) })
    }
    return (
      Recall.estimate(found: found, truth: sample.truth, k: 10),
      Recall.estimate(found: rescored, truth: sample.truth, k: 10)
    )
  }

  @Test("exact search finds the published neighbours")
  func exact() {
    let sample = WordNetSample.shared
    let originals = CodedVectors(.identity(dimension: 384, metric: .cosine), sample.base)
    let hits = ExactSearch.search(
      queries: sample.queries, queryCount: 200, dimension: 384, metric: .cosine,
      segments: [ExactSegment(codes: originals.view)], k: 10)
    let recall = Recall.estimate(found: hits.map { $0.map(\.row) }, truth: sample.truth, k: 10)
    #expect(recall.mean >= 0.999)
  }

  @Test("float codes find everything")
  func float() throws {
    #expect(try recall(EncodingSpecification()).codes.mean >= 0.999)
  }

  @Test("int8 reaches 0.985 alone and everything with rescoring")
  func int8() throws {
    let (codes, rescored) = try recall(EncodingSpecification(quantization: .int8))
    #expect(codes.mean >= 0.985, "\(codes)")
    #expect(rescored.mean >= 0.999, "\(rescored)")
  }

  @Test("binary reaches 0.66 alone and 0.92 with three times the candidates")
  func binary() throws {
    let (codes, rescored) = try recall(EncodingSpecification(quantization: .binary))
    #expect(codes.mean >= 0.66, "\(codes)")
    #expect(rescored.mean >= 0.92, "\(rescored)")
  }

  @Test("256 principal components keep 0.92, the first 256 entries 0.7")
  func truncation() throws {
    let components = try recall(EncodingSpecification(dimensions: 256, transform: .pca))
    #expect(components.codes.mean >= 0.92, "\(components.codes)")
    #expect(components.rescored.mean >= 0.999, "\(components.rescored)")
    let prefix = try recall(EncodingSpecification(dimensions: 256, transform: .prefix))
    #expect((0.7...0.85).contains(prefix.codes.mean), "\(prefix.codes)")
    #expect(prefix.rescored.mean >= 0.94, "\(prefix.rescored)")
  }

  @Test("a transform and a code together")
  func transformedCodes() throws {
    let int8 = try recall(
      EncodingSpecification(quantization: .int8, dimensions: 256, transform: .pca))
    #expect(int8.codes.mean >= 0.92, "\(int8.codes)")
    let binary = try recall(
      EncodingSpecification(quantization: .binary, dimensions: 256, transform: .pca))
    #expect(binary.rescored.mean >= 0.85, "\(binary.rescored)")
  }
}
