import Foundation
import MoultCompute
import MoultTesting
import Testing

@Suite("sparse vectors of texts")
struct SparseTextTests {
  @Test("a term has the same dimension for ever")
  func goldenDimensions() {
    // FNV-1a 64 of "a" is AF63DC4C8601EC8C, of "foobar" 85944171F73967E8 (Fowler, Noll, Vo: test vectors).
    #expect(TermVector.dimension(of: "a") == 0xAF63_DC4C ^ 0x8601_EC8C)
    #expect(TermVector.dimension(of: "foobar") == 0x8594_4171 ^ 0xF739_67E8)
    let counts = TermVector.counts(of: ["b", "a", "b"])
    #expect(
      Set(zip(counts.indices, counts.values).map { "\($0) \($1)" })
        == ["\(TermVector.dimension(of: "a")) 1.0", "\(TermVector.dimension(of: "b")) 2.0"])
  }

  /// Texts as lists of words of a small language, frequent words first.
  private static func texts(_ count: Int, _ random: inout SeededGenerator) -> [[String]] {
    (0..<count).map { _ in
      (0..<Int.random(in: 0...40, using: &random)).map { _ in "w\(Int(300 * random.unit() * random.unit()))" }
    }
  }

  /// BM25 from the words themselves, with no index, hash or statistics; sums in the order of dimensions.
  private static func oracle(
    _ texts: [[String]], _ query: [String], limit: Int, k1: Double, b: Double
  ) -> [Neighbor] {
    let (count, average) = (
      Double(texts.count), Double(texts.reduce(0) { $0 + $1.count }) / Double(texts.count)
    )
    let terms = Set(query).sorted { TermVector.dimension(of: $0) < TermVector.dimension(of: $1) }
    let weights = terms.map { term in
      let n = Double(texts.count { $0.contains(term) })
      return Float(log(1 + (count - n + 0.5) / (n + 0.5)) * Double(query.count { $0 == term }))
    }
    var neighbors: [Neighbor] = []
    for (row, text) in texts.enumerated() where !Set(text).isDisjoint(with: terms) {
      var score = 0.0
      for (term, weight) in zip(terms, weights) {
        let n = Double(text.count { $0 == term })
        guard n > 0 else { continue }
        score += Double(weight) * (n * (k1 + 1) / (n + k1 * (1 - b + b * Double(text.count) / average)))
      }
      neighbors.append(Neighbor(row: UInt32(row), score: Float(score)))
    }
    return Array(neighbors.sorted().prefix(limit))
  }

  @Test(
    "BM25 scores equal those of the formula, bit for bit and in order",
    arguments: [(1.2, 0.75), (0, 0.75), (3, 0), (2, 1)])
  func bm25(k1: Double, b: Double) {
    var random = SeededGenerator(seed: 21)
    let texts = Self.texts(6000, &random)
    var (index, statistics) = (SparseInvertedIndex(), TermStatistics())
    for text in texts {
      let counts = TermVector.counts(of: text)
      index.append(counts)
      statistics.add(counts)
    }
    let scoring = SparseScoring.bm25(BM25(k1: k1, b: b, averageLength: statistics.averageLength))
    for length in [1, 2, 5, 12] {
      let query = (0..<length).map { _ in "w\(Int(320 * random.unit() * random.unit()))" }
      let found = index.search(
        statistics.query(TermVector.counts(of: query)), limit: 25, scoring: scoring)
      #expect(found == Self.oracle(texts, query, limit: 25, k1: k1, b: b), "\(query)")
    }
  }

  @Test("statistics after removals are those of the rows that are left")
  func removal() {
    var random = SeededGenerator(seed: 22)
    let rows = Self.texts(500, &random).map { TermVector.counts(of: $0) }
    var (kept, all, parts) = (TermStatistics(), TermStatistics(), TermStatistics())
    for row in rows { all.add(row) }
    for half in [rows[..<200], rows[200...]] {
      var part = TermStatistics()
      for row in half { part.add(row) }
      parts.add(part)
    }
    #expect(parts == all)
    for (number, row) in rows.enumerated() {
      if number.isMultiple(of: 3) { kept.add(row) } else { all.remove(row) }
    }
    #expect(all == kept)
    #expect(kept.rowCount == 167)
    for (number, row) in rows.enumerated() where number.isMultiple(of: 3) { all.remove(row) }
    #expect(all == TermStatistics())
  }
}
