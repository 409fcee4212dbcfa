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

  @Test("law: a name in a database is taken apart into what it was put together of")
  func qualified() {
    for database in ["default", "tenant_7"] {
      let name = Name.qualified("words", in: database)
      #expect(Name.parts(of: name) == (database, "words"))
      #expect(Name.faultOfQualified(name) == nil)
    }
    #expect(Name.qualified("words", in: "default") == "words")
  }

  @Test(
    "nothing else has a dot in its name, and nothing has two names",
    arguments: ["default.words", "a.b.c", ".a", "a.", ".", "9.a", "a.9", "a-b.c"])
  func unqualified(name: String) {
    #expect(Name.faultOfQualified(name) != nil)
    #expect(throws: MoultError.self) { try Name.validateQualified(name, what: "collection") }
    #expect(throws: MoultError.self) { try Name.validate(name, what: "collection") }
  }
}
