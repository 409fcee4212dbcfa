import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Top k")
struct TopKTests {
  @Test(
    "keeps the best, of equal scores the smaller row, in whatever order they come",
    arguments: [1, 2, 10, 100, 1000], [1, 7, 8, 9, 500])
  func equalsSorting(k: Int, count: Int) {
    var random = SeededGenerator(seed: UInt64(k * 1000 + count))
    // Few different scores, so that most are tied.
    let scores = (0..<count).map { _ in Float(Int(random.float(in: -3...3))) }
    let expected = scores.enumerated().map { Neighbor(row: UInt32($0), score: $1 + 0) }.sorted().prefix(k)

    var inOrder = TopK(k)
    inOrder.offer(scores: scores, count: count, firstRow: 0)
    #expect(inOrder.sorted() == Array(expected))

    var shuffled = TopK(k)
    for row in (0..<count).shuffled(using: &random) {
      shuffled.offer(row: UInt32(row), score: scores[row])
    }
    #expect(shuffled.sorted() == Array(expected))
  }

  @Test("returns live rows only")
  func leavesOutDeadRows() {
    let scores = (0..<200).map { Float($0) }
    var words = [UInt64](repeating: .max, count: 4)
    words[3] = 0  // rows 192 … 199
    words[2] &= ~(1 << 63)  // row 191
    words.withUnsafeBufferPointer { live in
      var best = TopK(3)
      best.offer(scores: scores, count: 200, firstRow: 0, live: LiveRows(words: live.baseAddress))
      #expect(best.sorted().map(\.row) == [190, 189, 188])
    }
  }

  @Test("numbers rows from the first one on")
  func addsFirstRow() {
    var best = TopK(1)
    best.offer(scores: [1, 3, 2], count: 3, firstRow: 40)
    #expect(best.sorted() == [Neighbor(row: 41, score: 3)])
  }

  @Test("never keeps a NaN, and takes −∞ while there is room")
  func handlesExtremes() {
    var best = TopK(3)
    best.offer(scores: [.nan, -.infinity, .infinity, .nan], count: 4, firstRow: 0)
    #expect(best.sorted() == [Neighbor(row: 2, score: .infinity), Neighbor(row: 1, score: -.infinity)])
  }

  @Test("treats both zeros as one score")
  func zerosTie() {
    var best = TopK(2)
    best.offer(row: 5, score: 0)
    best.offer(row: 3, score: -0.0)
    best.offer(row: 4, score: 0)
    #expect(best.sorted().map(\.row) == [3, 4])
  }

  @Test("keeps nothing for k = 0")
  func keepsNothing() {
    var best = TopK(0)
    best.offer(scores: [1, 2], count: 2, firstRow: 0)
    best.offer(row: 1, score: .infinity)
    #expect(best.sorted().isEmpty)
  }

  @Test("its threshold is the worst score kept, once k are kept")
  func reportsThreshold() {
    var best = TopK(2)
    best.offer(row: 0, score: 5)
    #expect(best.threshold == -.infinity)
    best.offer(row: 1, score: 7)
    #expect(best.threshold == 5)
    best.offer(row: 2, score: 6)
    #expect(best.threshold == 6)
  }
}
