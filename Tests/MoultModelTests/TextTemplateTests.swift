import MoultModel
import Testing

@Suite("Text templates")
struct TextTemplateTests {
  private func rendered(_ template: String, _ payload: String?, fillsMissing: Bool = false) throws
    -> TextTemplate.Rendered
  {
    try TextTemplate(template).render(payload, fillsMissing: fillsMissing)
  }

  @Test("fields stand where their names stood; arrays are joined; doubled braces are braces")
  func renders() throws {
    let payload = #"{"lemmas":["dog","domestic dog"],"n":1,"gloss":"a canid","more":{"gloss":"no"}}"#
    #expect(try rendered("{lemmas}: {gloss}", payload) == .text("dog, domestic dog: a canid"))
    #expect(try rendered("{{{gloss}}} {gloss}", payload) == .text("{a canid} a canid"))
    #expect(try TextTemplate("{b}{a}{b}").fields == ["b", "a"])
  }

  @Test("escapes are taken out as JSON means them, names included")
  func escapes() throws {
    let payload = #"{"g\u006coss":"a\"b\\c\/d\u00e9\ud83d\ude00\n\t\b\f\r.","x":"\u0000"}"#
    #expect(try rendered("{gloss}", payload) == .text("a\"b\\c/dé😀\n\t\u{08}\u{0C}\r."))
  }

  @Test("of members with one name the last counts, and white space is passed over")
  func lastMember() throws {
    #expect(try rendered("{a}", " { \"a\" : \"1\" , \"a\" : [ \"2\" , \"3\" ] } ") == .text("2, 3"))
  }

  @Test("what is missing, null or empty is said to be missing, or counts as nothing")
  func missing() throws {
    for payload in [nil, "", "{}", #"{"a":"x"}"#, #"{"a":"x","b":null}"#, #"{"a":"x","b":[]}"#] {
      #expect(try rendered("{b}{a}", payload) == .missing(field: "b"), "\(payload ?? "nil")")
    }
    #expect(try rendered("{a}/{b}", #"{"a":"x"}"#, fillsMissing: true) == .text("x/"))
    // Nothing but what stands between the fields is no text.
    #expect(try rendered("{a}/{b}", #"{"a":" "}"#, fillsMissing: true) == .missing(field: "a"))
  }

  @Test(
    "what is no text is said to be none",
    arguments: [
      ("1.5", "a number"), ("true", "a boolean"), (#"{"x":"y"}"#, "an object"),
      (#"["x",1]"#, "an array with something else than texts"),
    ])
  func noText(value: String, found: String) throws {
    #expect(try rendered("{a}", #"{"a":\#(value)}"#) == .noText(field: "a", found: found))
    #expect(try rendered("{a}", #"{"a":\#(value)}"#, fillsMissing: true) == .noText(field: "a", found: found))
  }

  @Test("malformed templates are refused", arguments: ["", "no field", "{a", "a}", "{}", "{a{b}"])
  func malformed(template: String) {
    #expect(throws: MoultError.self) { _ = try TextTemplate(template) }
  }
}
