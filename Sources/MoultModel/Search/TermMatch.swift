/// Terms that stand in a text, found in both by the same analyzer.
public struct TermMatch: Sendable, Hashable {
  public enum Rule: Sendable, Hashable {
    /// At least so many of the terms, at least one; one that is asked for twice counts twice.
    case atLeast(Int)
    /// All of them one after the other as they are asked for, `slop` moves by one place allowed in all: two terms that have
    /// changed places, for example, take two.
    case phrase(slop: Int)
  }

  public var analyzer: TextAnalyzer
  public var rule: Rule
  /// In the order asked for.
  public let terms: [ExactText]
  /// Of each term, rising.
  private let positions: [Int]
  private let places: [ExactText: [Int]]

  public init(_ text: String, _ rule: Rule, analyzer: TextAnalyzer) {
    self.analyzer = analyzer
    self.rule = rule
    let tokens = analyzer.tokens(in: text)
    let terms = tokens.map { ExactText($0.text) }
    self.terms = terms
    positions = tokens.map(\.position)
    places = Dictionary(grouping: terms.indices) { terms[$0] }
  }

  /// Without terms no text matches.
  ///
  /// - Complexity: O(length of the text), for a phrase times the number of its terms.
  public func holds(in text: String) -> Bool {
    guard !terms.isEmpty else { return false }
    let tokens = analyzer.tokens(in: text)
    switch rule {
    case .atLeast(let count): return found(in: tokens) >= max(1, count)
    // As Milvus has it, a phrase of one term.
    case .phrase where terms.count == 1: return found(in: tokens) > 0
    case .phrase(let slop): return hasPhrase(tokens, slop: slop)
    }
  }

  private func found(in tokens: [TextToken]) -> Int {
    let present = Set(tokens.lazy.map { ExactText($0.text) }.filter { places[$0] != nil })
    return present.reduce(0) { $0 + (places[$1]?.count ?? 0) }
  }

  /// Whether the terms can be found with Σ |move| ≤ `slop`, the move of a term being by how much its distance from the one
  /// before differs from what was asked for.
  private func hasPhrase(_ tokens: [TextToken], slop: Int) -> Bool {
    // Once for each term, however often the phrase has it.
    var found: [ExactText: [Int]] = [:]
    for token in tokens {
      let term = ExactText(token.text)
      if places[term] != nil { found[term, default: []].append(token.position) }
    }
    guard found.count == places.count else { return false }
    // Where a term stands, less where it should stand behind the phrase's beginning: rising.
    func starts(_ place: Int) -> [Int] { (found[terms[place]] ?? []).map { $0 - positions[place] } }
    var reached = starts(0).map { (start: $0, moves: 0) }
    for place in 1..<terms.count {
      let next = starts(place)
      reached = zip(next, Self.moves(from: reached, to: next)).compactMap { start, moves in
        moves <= slop ? (start: start, moves: moves) : nil
      }
      if reached.isEmpty { return false }
    }
    return !reached.isEmpty
  }

  /// The fewest moves to each of `next`, coming from any of `reached`; both rise.
  private static func moves(from reached: [(start: Int, moves: Int)], to next: [Int]) -> [Int] {
    var fewest = [Int](repeating: .max, count: next.count)
    // What comes from the left, then what comes from the right.
    var (place, best) = (0, Int?.none)
    for (index, start) in next.enumerated() {
      while place < reached.count, reached[place].start <= start {
        let moves = reached[place].moves - reached[place].start
        best = min(best ?? moves, moves)
        place += 1
      }
      if let best { fewest[index] = best + start }
    }
    (place, best) = (reached.count - 1, nil)
    for (index, start) in next.enumerated().reversed() {
      while place >= 0, reached[place].start >= start {
        let moves = reached[place].moves + reached[place].start
        best = min(best ?? moves, moves)
        place -= 1
      }
      if let best { fewest[index] = min(fewest[index], best - start) }
    }
    return fewest
  }
}
