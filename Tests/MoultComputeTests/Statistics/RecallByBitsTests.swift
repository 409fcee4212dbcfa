import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// More bits find more, on real embeddings; recall@10 of the codes alone.
@Suite("Recall by bits")
struct RecallByBitsTests {
  private static func recall(_ specification: EncodingSpecification) throws -> Double {
    let sample = WordNetSample.shared
    // Trained on every fifth document.
    var training: [Float] = []
    for row in stride(from: 0, to: 10_000, by: 5) {
      training.append(contentsOf: sample.base[row * 384..<(row + 1) * 384])
    }
    let encoder = try VectorEncoder.trained(
      specification, dimension: 384, metric: .cosine, on: training, seed: 3)
    let coded = CodedVectors(encoder, sample.base)
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view, parallel: .threads))
    let found = FlatIndex.search(
      queries: sample.queries, queryCount: 200, codes: blocks, k: 10, parallel: .threads)
    return Recall.estimate(found: found.map { $0.map { Int64($0.row) } }, truth: sample.truth, k: 10).mean
  }

  @Test("rises with the bits, and learned directions find no less than random ones")
  func rises() throws {
    let lloyd = try [Quantization.lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5].map {
      try Self.recall(EncodingSpecification(quantization: $0))
    }
    let segmented = try [0.5, 1, 2, 4, 8].map {
      try Self.recall(EncodingSpecification(quantization: .segmented, bits: $0))
    }
    for recalls in [lloyd, segmented] {
      #expect(zip(recalls, recalls.dropFirst()).allSatisfy { $0 < $1 }, "\(recalls)")
    }
    #expect(segmented[1] >= lloyd[0], "1 bit: \(segmented[1]), \(lloyd[0])")
    #expect(segmented[2] >= lloyd[1], "2 bits: \(segmented[2]), \(lloyd[1])")
    #expect(segmented[3] >= lloyd[3], "4 bits: \(segmented[3]), \(lloyd[3])")
    let grid = try [Quantization.rabitq1, .rabitq2, .rabitq3, .rabitq4].map {
      try Self.recall(EncodingSpecification(quantization: $0))
    }
    #expect(zip(grid, grid.dropFirst()).allSatisfy { $0 < $1 }, "\(grid)")
    // One point less is chance: 200 queries.
    #expect(zip(lloyd, grid).allSatisfy { $0 >= $1 - 0.01 }, "\(lloyd), \(grid)")
  }
}
