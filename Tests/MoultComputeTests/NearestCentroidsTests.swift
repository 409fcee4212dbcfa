import MoultTesting
import Testing

@testable import MoultCompute

@Suite("nearest centroids")
struct NearestCentroidsTests {
  @Test(
    "are those of comparing all distances in double",
    arguments: [1, 2, 3, 31, 64, 100], [1, 2, 15, 16, 17, 33, 200])
  func againstAllDistances(dimension: Int, count: Int) {
    let seed = UInt64(1000 * dimension + count)
    var random = SeededGenerator(seed: seed)
    for (spread, offset) in [(Float(1), Float(0)), (1e-3, 5), (1e12, 0), (1e-20, 0)] {
      var centroids = random.gaussianFloats(count: count * dimension).map { $0 * spread + offset }
      // The last one is a twin of the first: of equally near ones the smallest is wanted.
      centroids.replaceSubrange((count - 1) * dimension..<count * dimension, with: centroids[..<dimension])
      var vectors = random.gaussianFloats(count: 60 * dimension).map { $0 * spread + offset }
      vectors.replaceSubrange(..<dimension, with: centroids[..<dimension])
      let (found, _) = assign(vectors, to: centroids, dimension: dimension)
      #expect(found == oracle(vectors, centroids, dimension: dimension), "seed \(seed), spread \(spread)")
    }
  }

  @Test("sums that overflow do not decide", arguments: [Float(1e19), 1e25, 3e37])
  func overflow(scale: Float) {
    var random = SeededGenerator(seed: 4)
    let centroids = random.gaussianFloats(count: 40 * 20).map { $0 * scale }
    let vectors = random.gaussianFloats(count: 30 * 20).map { $0 * scale }
    let (found, _) = assign(vectors, to: centroids, dimension: 20)
    #expect(found == oracle(vectors, centroids, dimension: 20))
  }

  @Test("few distances are computed in double")
  func fewAreCompared() {
    var random = SeededGenerator(seed: 5)
    let centroids = (0..<500).flatMap { _ in random.unitVector(dimension: 64) }
    let vectors = (0..<300).flatMap { _ in random.unitVector(dimension: 64) }
    let (found, compared) = assign(vectors, to: centroids, dimension: 64)
    #expect(found == oracle(vectors, centroids, dimension: 64))
    #expect(compared < 300 * 5)
  }

  private func assign(_ vectors: [Float], to centroids: [Float], dimension: Int) -> ([UInt32], Int) {
    let nearest = NearestCentroids(centroids: centroids, dimension: dimension)
    var result = [UInt32](repeating: .max, count: vectors.count / dimension)
    let compared = nearest.assign(vectors, count: result.count, into: &result)
    return (result, compared)
  }

  private func oracle(_ vectors: [Float], _ centroids: [Float], dimension: Int) -> [UInt32] {
    (0..<vectors.count / dimension).map { row in
      let vector = Array(vectors[row * dimension..<(row + 1) * dimension])
      let distances = (0..<centroids.count / dimension).map { i in
        KernelTable.best.squaredL2Double(
          vector, Array(centroids[i * dimension..<(i + 1) * dimension]), dimension)
      }
      return UInt32(distances.firstIndex(of: distances.min()!)!)
    }
  }
}
