import MoultModel
import MoultTesting
import Testing

@Suite("Terms in texts")
struct TermMatchTests {
  private func holds(_ wanted: String, _ rule: TermMatch.Rule, _ text: String) -> Bool {
    TermMatch(wanted, rule, analyzer: .standard).holds(in: text)
  }

  @Test("so many of the terms, whatever case and order they stand in")
  func atLeast() {
    let text = "Keyword search and Vector search"
    #expect(holds("VECTOR graph", .atLeast(1), text) && !holds("graph", .atLeast(1), text))
    #expect(holds("vector graph keyword", .atLeast(2), text))
    #expect(!holds("vector graph keyword", .atLeast(3), text))
    // As Milvus counts: a term that is asked for twice is two of them, one that stands there twice is one.
    #expect(holds("vector vector", .atLeast(2), text) && !holds("search graph", .atLeast(2), text))
    #expect(
      !holds("", .atLeast(1), text) && !holds("...", .atLeast(0), text) && !holds("a", .atLeast(1), ""))
  }

  @Test(
    "phrases: gaps and changed places cost moves",
    arguments: [
      ("machine learning", 0, "Machine learning boosts efficiency", true),
      ("machine learning", 0, "machine deep learning", false),
      ("machine learning", 1, "machine deep learning", true),
      ("machine learning", 1, "learning a machine", false),
      ("machine learning", 2, "learning machine", true), ("machine learning", 1, "learning machine", false),
      ("robotics machine learning", 0, "typical robotics machine learning models", true),
      ("learning", 0, "machine learning", true), ("machine", 5, "none", false),
    ])
  func phrases(wanted: String, slop: Int, text: String, expected: Bool) {
    #expect(holds(wanted, .phrase(slop: slop), text) == expected)
  }

  @Test("stop words keep their places in phrases")
  func gaps() {
    let analyzer = TextAnalyzer(.standard, [.lowercase, .stop(["of", "the"])])
    let match = TermMatch("state of the art", .phrase(slop: 0), analyzer: analyzer)
    #expect(match.holds(in: "state of the art") && match.holds(in: "a state the of art"))
    #expect(!match.holds(in: "state art") && !match.holds(in: "state of art"))
  }

  /// Whether terms can be placed with so many moves: every choice of places is tried.
  private static func oracle(_ wanted: [String], _ slop: Int, _ text: [String]) -> Bool {
    func fits(_ index: Int, _ last: Int?, _ moves: Int) -> Bool {
      guard moves <= slop else { return false }
      guard index < wanted.count else { return true }
      return text.indices.contains { place in
        guard text[place] == wanted[index] else { return false }
        return fits(index + 1, place - index, moves + (last.map { abs(place - index - $0) } ?? 0))
      }
    }
    return fits(0, nil, 0)
  }

  @Test("oracle: phrases are found where some choice of places fits", arguments: 0..<40)
  func oracle(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let words = ["a", "b", "c", "d"]
    for _ in 0..<50 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in words.randomElement(using: &random)! }
      let wanted = (0..<Int.random(in: 2...4, using: &random)).map { _ in
        words.randomElement(using: &random)!
      }
      let slop = Int.random(in: 0...5, using: &random)
      #expect(
        holds(wanted.joined(separator: " "), .phrase(slop: slop), text.joined(separator: " "))
          == Self.oracle(wanted, slop, text), "\(wanted) \(slop) in \(text)")
    }
  }
}
