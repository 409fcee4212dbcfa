import MoultModel
import Testing

@Suite("Names of collections and aliases")
struct NameTests {
  @Test(
    "a name begins with a letter or underscore and goes on with digits too",
    arguments: ["a", "_", "words_v1", "A9", String(repeating: "x", count: 255)])
  func accepted(name: String) throws {
    #expect(Name.fault(of: name) == nil)
    try Name.validate(name, what: "collection")
  }

  @Test(
    "what breaks the rule is named",
    arguments: [
      ("", Name.Fault.empty), (String(repeating: "x", count: 256), .tooLong), ("9a", .badFirstCharacter),
      (" a", .badFirstCharacter), ("a b", .badCharacter), ("a-b", .badCharacter), ("wörter", .badCharacter),
      ("a/../b", .badCharacter),
    ])
  func refused(name: String, fault: Name.Fault) {
    #expect(Name.fault(of: name) == fault)
    #expect(throws: MoultError.self) { try Name.validate(name, what: "alias") }
  }
}
