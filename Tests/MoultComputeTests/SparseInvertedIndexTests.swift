import MoultCompute
import MoultModel
import MoultTesting
import Testing

@Suite("the sparse inverted index")
struct SparseInvertedIndexTests {
  /// What values look like: whole numbers make ties, negative ones bounds of both signs, large ones sums beyond float.
  enum Values: String, CaseIterable {
    case positive, gaussian, ties, huge

    func draw(_ random: inout SeededGenerator) -> Float {
      switch self {
      case .positive: abs(random.gaussian())
      case .gaussian: random.gaussian()
      case .ties: Float(Int.random(in: -1...2, using: &random))
      case .huge: random.float() * 3e38
      }
    }
  }

  /// Rows that name a dimension of the query, scored one by one.
  private static func oracle(
    _ rows: [SparseVector], _ query: SparseVector, limit: Int, isLive: (Int) -> Bool = { _ in true }
  ) -> [Neighbor] {
    let named = Set(zip(query.indices, query.values).filter { $0.1 != 0 }.map(\.0))
    var neighbors: [Neighbor] = []
    for (number, row) in rows.enumerated() where isLive(number) {
      guard zip(row.indices, row.values).contains(where: { $0.1 != 0 && named.contains($0.0) }) else {
        continue
      }
      neighbors.append(Neighbor(row: UInt32(number), score: row.dot(query)))
    }
    return Array(neighbors.sorted().prefix(limit))
  }

  @Test(
    "finds exactly what brute force finds, ties included, on both sides of a window",
    arguments: Values.allCases, [1, 63, 1000, 4095, 4096, 4097, 13_000])
  func equalsBruteForce(values: Values, rowCount: Int) {
    var random = SeededGenerator(seed: UInt64(rowCount))
    let rows = (0..<rowCount).map { _ in
      random.sparseVector(
        dimensions: 500, count: Int.random(in: 0...30, using: &random), values: values.draw)
    }
    let index = SparseInvertedIndex(rows)
    #expect(index.rowCount == rowCount)
    for limit in [1, 10, 100, rowCount + 1] {
      for length in [0, 1, 2, 7, 40] {
        let query = random.sparseVector(dimensions: 520, count: length, values: values.draw)
        let found = index.search(query, limit: limit)
        #expect(
          found == Self.oracle(rows, query, limit: limit), "seed \(random.seed), limit \(limit), \(query)")
      }
    }
  }

  @Test("rows that are not live are not found, and none is lost for them", arguments: [0.0, 0.02, 0.5, 1])
  func filtered(share: Double) {
    var random = SeededGenerator(seed: 7)
    let rows = (0..<9000).map { _ in
      random.sparseVector(dimensions: 300, count: 20, values: Values.positive.draw)
    }
    var words = [UInt64](repeating: 0, count: 9000 / 64 + 1)
    for row in rows.indices where random.unit() < share { words[row / 64] |= 1 << UInt64(row % 64) }
    let index = SparseInvertedIndex(rows)
    for _ in 0..<10 {
      let query = random.sparseVector(dimensions: 300, count: 12, values: Values.positive.draw)
      let expected = Self.oracle(rows, query, limit: 20) { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
      let found = words.withUnsafeBufferPointer {
        index.search(query, limit: 20, live: LiveRows(words: $0.baseAddress))
      }
      #expect(found == expected)
    }
  }

  @Test("rows that are appended later are found as if they had always been there")
  func appended() {
    var random = SeededGenerator(seed: 11)
    var (rows, index) = ([SparseVector](), SparseInvertedIndex())
    for _ in 0..<12 {
      for _ in 0..<Int.random(in: 1...900, using: &random) {
        rows.append(random.sparseVector(dimensions: 200, count: 15, values: Values.ties.draw))
        index.append(rows.last!)
      }
      let query = random.sparseVector(dimensions: 200, count: 20, values: Values.ties.draw)
      #expect(index.search(query, limit: 30) == Self.oracle(rows, query, limit: 30))
    }
  }

  @Test("a search that drops part of the query is an exact search with what stays")
  func droppedRatio() {
    var random = SeededGenerator(seed: 13)
    let rows = (0..<3000).map { _ in random.sparseVector(dimensions: 200, count: 20) }
    let index = SparseInvertedIndex(rows)
    let query = random.sparseVector(dimensions: 200, count: 30)
    for ratio in [0.1, 0.5, 0.9] {
      let expected = Self.oracle(rows, query.dropping(ratio: ratio), limit: 10)
      #expect(index.search(query, limit: 10, dropRatio: ratio) == expected)
    }
  }

  @Test("nothing is found in an empty index, without a limit, and with dimensions that no row names")
  func nothing() throws {
    let query = try SparseVector(indices: [1], values: [1])
    #expect(SparseInvertedIndex().search(query, limit: 10).isEmpty)
    let index = SparseInvertedIndex([query])
    #expect(index.search(query, limit: 0).isEmpty)
    #expect(index.search(try SparseVector(indices: [2], values: [1]), limit: 10).isEmpty)
    #expect(index.search(query, limit: 10) == [Neighbor(row: 0, score: 1)])
  }
}
