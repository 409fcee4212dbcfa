import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("MaxSim")
struct MaxSimTests {
  private func oracle(
    _ query: [Float], _ document: [Float], _ dimension: Int, _ similarity: MultiVectorSearch.Similarity
  ) -> Double {
    func rows(_ values: [Float]) -> [[Double]] {
      stride(from: 0, to: values.count, by: dimension).map { values[$0..<$0 + dimension].map(Double.init) }
    }
    return rows(query).reduce(0) { sum, q in
      sum
        + rows(document).map { d in
          zip(q, d).reduce(0) { sum, pair in
            let difference = pair.0 - pair.1
            switch similarity {
            case .innerProduct: return sum + pair.0 * pair.1
            case .euclidean: return sum - difference * difference
            case .manhattan: return sum - abs(difference)
            }
          }
        }.max()!
    }
  }

  @Test(
    "is the sum of each row's best match, at every size around a tile",
    arguments: [MultiVectorSearch.Similarity.innerProduct, .euclidean, .manhattan],
    [(1, 1, 1), (3, 5, 7), (64, 256, 8), (65, 257, 9), (2, 600, 16), (130, 3, 33)])
  func oracle(similarity: MultiVectorSearch.Similarity, shape: (Int, Int, Int)) {
    let (m, n, dimension) = shape
    var random = SeededGenerator(seed: UInt64(m * 31 + n))
    func vector(_ rows: Int) -> [Float] {
      (0..<rows * dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }
    let (query, document) = (vector(m), vector(n))
    let expected = oracle(query, document, dimension, similarity)
    let score = Double(MaxSim.score(query, document, dimension: dimension, similarity))
    #expect(abs(score - expected) <= 1e-5 * Double(m) * Double(dimension))
  }

  @Test("the best documents are found, equal ones by their rows, whatever the pages are")
  func scan() {
    var random = SeededGenerator(seed: 9)
    let dimension = 4
    var documents = (0..<60).map { row in
      MultiVectorScan.Document(
        row: Int64(row * 2),
        values: (0..<dimension * Int.random(in: 1...5, using: &random)).map { _ in
          Float.random(in: -1...1, using: &random)
        })
    }
    documents[7].values = documents[3].values
    let examples = (0..<3).map { _ in
      (0..<2 * dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }
    for combination in [
      ExampleSearch.Combination.weighted([1, -1, 0.5]), .best(positives: 2), .discovery,
    ] {
      let request = MultiVectorSearch(
        part: 0, dimension: dimension, examples: examples, combination: combination,
        similarity: .innerProduct,
        limit: 10)
      var expected: [GlobalNeighbor] = []
      for document in documents {
        let similarities = examples.map { Float(oracle($0, document.values, dimension, .innerProduct)) }
        let score = combination.score(of: 3) { similarities[$0] }
        expected.append(GlobalNeighbor(row: document.row, score: score))
      }
      expected.sort { $0.score == $1.score ? $0.row < $1.row : $0.score > $1.score }
      var scan = MultiVectorScan(request)
      scan.take(Array(documents[..<17]))
      scan.take([])
      scan.take(Array(documents[17...]))
      #expect(scan.neighbors().map(\.row) == expected.prefix(10).map(\.row))
    }
  }

  @Test("sizes that cannot be are refused")
  func sizes() {
    func code(_ count: Int, _ dimension: Int) -> MoultError.Code? {
      do throws(MoultError) { try MultiVectorSearch.check(count: count, dimension: dimension) } catch {
        return error.code
      }
      return nil
    }
    #expect(
      code(0, 4) == .dimensionMismatch && code(7, 4) == .dimensionMismatch && code(4, 0) == .dimensionMismatch
    )
    #expect(code(8_192, 1) == nil && code(8_193, 1) == .tooLarge)
    #expect(code(1 << 20, 1 << 10) == nil && code((1 << 20) + (1 << 10), 1 << 10) == .tooLarge)
  }

  @Test("examples have a bound of rows together")
  func exampleRows() throws {
    var request = MultiVectorSearch(
      part: 0, dimension: 2,
      examples: [[Float]](repeating: [Float](repeating: 1, count: 2 * 8_192), count: 8),
      combination: .best(positives: 8), similarity: .innerProduct, limit: 1)
    try request.check()
    request.examples.append([1, 1])
    request.combination = .best(positives: 9)
    let more = request
    let error = #expect(throws: MoultError.self) { try more.check() }
    #expect(
      error?.code == .tooLarge && error?.message.contains("65536 rows") == true,
      "\(String(describing: error))")
  }
}
