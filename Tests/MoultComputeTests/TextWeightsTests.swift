import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Sparse vectors of texts")
struct TextWeightsTests {
  @Test("hashes are those of MurmurHash3's own implementation")
  func hashes() {
    let golden: [(String, UInt32)] = [
      ("", 0), ("test", 0xBA6B_D213), ("Hello, world!", 0xC036_3E43),
      ("The quick brown fox jumps over the lazy dog", 0x2E4F_F723),
    ]
    for (text, hash) in golden { #expect(MurmurHash3.hash(text.utf8) == hash, "\(text)") }
    // A negative one: its magnitude is the index.
    #expect(TextWeights.index(of: "test") == UInt32(bitPattern: -Int32(bitPattern: 0xBA6B_D213)))
  }

  @Test("words lose case, stop words and endings, in this order")
  func words() {
    var weighting = TextWeighting()
    let text = "The Cats weren't RUNNING; cat-like café_42 aren"
    #expect(TextWeights.words(in: text, weighting) == ["cat", "run", "cat", "like", "café", "42"])
    weighting.stems = false
    weighting.stopWords = ["cat"]
    #expect(
      TextWeights.words(in: text, weighting)
        == ["the", "cats", "weren", "t", "running", "like", "café", "42", "aren"])
    weighting.lengthMin = 3
    weighting.lengthMax = 4
    #expect(TextWeights.words(in: text, weighting) == ["the", "cats", "like", "café", "aren"])
  }

  @Test("values are those of BM25's formula", arguments: 1...20 as ClosedRange<UInt64>)
  func formula(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var weighting = TextWeighting()
    weighting.k = Double.random(in: 0...3, using: &random)
    weighting.b = Double.random(in: 0...1, using: &random)
    weighting.averageLength = Double.random(in: 1...300, using: &random)
    let vocabulary = ["tree", "river", "stone", "cloud", "bird"]
    let text = (0..<Int.random(in: 1...60, using: &random)).map { _ in
      vocabulary.randomElement(using: &random)!
    }
    let vector = TextWeights.stored(text.joined(separator: " "), weighting)
    #expect(vector.indices == vector.indices.sorted() && vector.count == Set(text).count)
    for (index, value) in zip(vector.indices, vector.values) {
      let word = vocabulary.first { TextWeights.index(of: EnglishStemmer.stem($0)) == index }
      let n = Double(text.filter { $0 == word }.count)
      let (k, b, share) = (weighting.k, weighting.b, Double(text.count) / weighting.averageLength)
      #expect(abs(Double(value) - n * (k + 1) / (n + k * (1 - b + b * share))) < 1e-5)
    }
    let asked = TextWeights.asked(text.joined(separator: " "), weighting)
    #expect(asked.indices == vector.indices && asked.values.allSatisfy { $0 == 1 })
  }

  @Test("a text of stop words has no entries")
  func nothing() { #expect(TextWeights.stored("to be or not to be", TextWeighting()).count == 0) }

  @Test("examples of sparse vectors are compared with all rows", arguments: 1...10 as ClosedRange<UInt64>)
  func examples(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func vector() throws -> SparseVector {
      let indices = Set((0..<4).map { _ in UInt32.random(in: 0..<12, using: &random) }).sorted()
      return try SparseVector(
        indices: indices, values: indices.map { _ in Float.random(in: -1...1, using: &random) })
    }
    let rows = try (0..<50).map { _ in try vector() }
    let examples = try (0..<4).map { _ in try vector() }
    let combination = ExampleSearch.Combination.context
    let words: [UInt64] = [0xFFFF_FFFF_0F0F_F0F0]
    let found = words.withUnsafeBufferPointer {
      SparseExamples.search(
        examples, combination, rows: rows, live: LiveRows(words: $0.baseAddress), limit: 9)
    }
    let expected = rows.indices.filter { words[0] >> UInt64($0) & 1 == 1 }.map { row in
      Neighbor(row: UInt32(row), score: combination.score(of: 4) { examples[$0].dot(rows[row]) })
    }.sorted().prefix(9)
    #expect(found == Array(expected))
  }
}
