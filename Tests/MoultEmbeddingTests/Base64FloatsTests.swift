import Foundation
import MoultTesting
import Testing

@testable import MoultEmbedding

@Suite("Floats in base64")
struct Base64FloatsTests {
  private static func decode(_ text: String) -> [Float]? {
    var text = text
    return text.withUTF8 { Base64Floats.decode($0) }
  }

  @Test("Every length around whole groups gives the bits back, with '=' and without", arguments: 0..<14)
  func lengths(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    for _ in 0..<50 {
      let floats = (0..<count).map { _ in Float(bitPattern: random.next()) }
      let text = floats.withUnsafeBytes { Data($0).base64EncodedString() }
      for form in [text, text.replacingOccurrences(of: "=", with: "")] {
        #expect(Self.decode(form)?.map(\.bitPattern) == floats.map(\.bitPattern))
      }
    }
  }

  @Test(
    "A character that is none of base64 is seen wherever it stands",
    arguments: ["*", "-", "_", " ", "=", "~"])
  func foreignCharacters(_ character: Character) {
    let text = [Float](repeating: 1.5, count: 4).withUnsafeBytes { Data($0).base64EncodedString() }
    let plain = Array(text.replacingOccurrences(of: "=", with: ""))
    for place in plain.indices {
      var broken = plain
      broken[place] = character
      // One at the end is only padding, of a text that is too short then.
      #expect(Self.decode(String(broken)) == nil, "at \(place)")
    }
  }

  @Test(
    "What is no whole number of floats is refused", arguments: ["A", "AA", "AAA", "AAAA", "AAAAA", "AAAAAAA"])
  func odd(text: String) {
    #expect(Self.decode(text) == nil)
  }
}
