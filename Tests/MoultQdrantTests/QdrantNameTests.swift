import MoultModel
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("Qdrant's names")
struct QdrantNameTests {
  @Test("plain names are the same in both, others are escaped byte by byte")
  func examples() {
    for name in ["a", "words_v1", "_x", "_x2", "_xab", "A_xZZ", "_"] {
      #expect(QdrantName.encoded(name) == name)
    }
    #expect(QdrantName.encoded("my-words") == "my_x2Dwords")
    #expect(QdrantName.encoded("1st") == "_x31st")
    #expect(QdrantName.encoded("a.b") == "a_x2Eb")
    #expect(QdrantName.encoded("_x2D") == "_x5Fx2D")
    #expect(QdrantName.encoded("é") == "_xC3_xA9")
  }

  @Test("decoded ∘ encoded is the identity, and what is encoded is a name of the engine", arguments: 0..<50)
  func roundTrip(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let characters = Array("ab_x2D0F.-é日:%/ ")
    for _ in 0..<200 {
      let name = String(
        (0..<Int.random(in: 1...12, using: &random)).map { _ in characters.randomElement(using: &random)! })
      let encoded = QdrantName.encoded(name)
      #expect(QdrantName.decoded(encoded) == name, "seed \(seed)")
      #expect(Name.fault(of: encoded) == nil, "seed \(seed): \(encoded)")
    }
  }

  @Test("a name that is never given stays as it is")
  func foreign() {
    #expect(QdrantName.decoded("a_x41") == "a_x41")
    #expect(QdrantName.decoded("_xFF") == "_xFF")
  }

  @Test("a vector's name gives way to the names that a collection has anyway")
  func fields() {
    #expect(QdrantName.field("id", avoiding: ["id"]) == "_x69d")
    #expect(QdrantName.field("image", avoiding: ["id"]) == "image")
    #expect(QdrantName.field("a-b", avoiding: ["id"]) == "a_x2Db")
  }
}
