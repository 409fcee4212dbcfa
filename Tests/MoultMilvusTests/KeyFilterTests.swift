import MoultModel
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("KeyFilter")
struct KeyFilterTests {
  @Test(
    "integers",
    arguments: [
      ("id == 5", [5]), ("id==-5", [-5]), (" id in [1,2 , 3] ", [1, 2, 3]), ("id IN [ 7 , ]", [7]),
      ("id in []", []),
      ("id in [9223372036854775807,-9223372036854775808]", [.max, .min]), ("id in[1]", [1]),
    ] as [(String, [Int64])])
  func integers(text: String, ids: [Int64]) throws {
    #expect(try KeyFilter(field: "id", kind: .int64).ids(text) == ids.map { .int64($0) })
  }

  @Test(
    "strings",
    arguments: [
      (#"key == "a b""#, ["a b"]), ("key in ['a', \"b\"]", ["a", "b"]), (#"key == 'it\'s'"#, ["it's"]),
      (#"key == "q\"\\\n""#, ["q\"\\\n"]), ("key in ['ä', '日本', '', ']']", ["ä", "日本", "", "]"]),
    ])
  func strings(text: String, ids: [String]) throws {
    #expect(try KeyFilter(field: "key", kind: .string).ids(text) == ids.map { .string($0) })
  }

  @Test(
    "everything else is refused",
    arguments: [
      "", "id", "id =", "id == ", "id == 'a'", "id == 1 or id == 2", "id in 1", "id in [", "id in [1",
      "id in [1 2]",
      "id in [,]", "id in (1)", "id in [1]]", "other == 1", "ID == 1", "id != 1", "id not in [1]",
      "id == 1.5",
      "id == 99999999999999999999", "1 == id", "id == 0x10", "id inn [1]", "not (id == 1)",
    ])
  func refused(text: String) {
    #expect(throws: KeyFilterError.self) { try KeyFilter(field: "id", kind: .int64).ids(text) }
  }

  @Test("noise never traps", arguments: 0..<300)
  func noise(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let pieces = ["id", " ", "in", "==", "[", "]", ",", "'", "\"", "\\", "7", "-", "é", "\0", "a"]
    let text = (0..<Int.random(in: 0...20, using: &random)).map { _ in pieces.randomElement(using: &random)! }
      .joined()
    for kind in CollectionSchema.KeyKind.allCases {
      _ = try? KeyFilter(field: "id", kind: kind).ids(text)
    }
  }
}
