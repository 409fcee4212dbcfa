import MoultModel
import MoultTesting
import Testing

@Suite("Payloads with vectors of texts")
struct TextVectorPayloadTests {
  private static let values = [
    "1", "-2.5e3", "null", "true", #""""#, #""a,\"$sparse:t0\":\"x\"""#, #""}{""#, "[]",
    #"[{"$sparse:t0":"kept"}]"#,
    #"{"$sparse:t1":"kept","b":[1]}"#, #""é\u00e9\\""#,
  ]
  private static let names = ["a", "b c", "$sparse:0", "$multi:0", "$", "\\\"", "$sparse"]

  @Test(
    "what was added is taken out again, and all else stays byte for byte",
    arguments: 1...200 as ClosedRange<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func members(_ names: [String]) -> [String] {
      names.map { "\"\($0)\":\(Self.values.randomElement(using: &random)!)" }
    }
    let own = members(
      (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.names.randomElement(using: &random)! })
    let plain =
      own.isEmpty
      ? ["", "{}", "{ \n}"].randomElement(using: &random)!
      : "{" + own.joined(separator: [",", ", ", " ,\n"].randomElement(using: &random)!)
        + ["}", " }"].randomElement(using: &random)!
    #expect(TextVector.plain(plain) == plain)
    let added = (0..<Int.random(in: 0...3, using: &random)).map {
      (name: "$sparse:t\($0)", text: "AAAA\($0)")
    }
    let filled = TextVector.adding(added, to: plain)
    for member in added { #expect(filled.contains("\"\(member.name)\":\"\(member.text)\"")) }
    if !filled.isEmpty { try JSONText.validateObject(filled) }
    if added.isEmpty || !own.isEmpty {
      #expect(TextVector.plain(filled) == plain)
    } else {
      #expect(TextVector.plain(filled) == "")
    }
    // In any place, as an edit may leave them.
    let mixed = (own + added.map { "\"\($0.name)\":\"\($0.text)\"" }).shuffled(using: &random)
    let kept = mixed.filter { own.contains($0) }
    let text = "{" + mixed.joined(separator: " , ") + " }"
    let areLast = mixed.prefix(own.count).allSatisfy(own.contains)
    let expected =
      added.isEmpty
      ? text
      : kept.isEmpty
        ? ""
        : areLast
          ? "{" + kept.joined(separator: " , ") + "  }" : "{" + kept.joined(separator: ",") + "}"
    #expect(TextVector.plain(text) == expected)
  }

  @Test("a name with escapes is the same name, and one that only begins so is another")
  func names() {
    #expect(TextVector.plain(##"{"a":1,"\u0024sparse:t0":"AAAA"}"##) == #"{"a":1}"#)
    for other in [#"{"$sparse:tags":1}"#, #"{"$sparse:t":1}"#, #"{"$sparse:t1x":1}"#] {
      #expect(TextVector.plain(other) == other)
    }
  }

  @Test("weights lie where BM25 has a meaning")
  func weights() throws {
    try TextVector.Weights().validate()
    try TextVector.Weights(k: 0, b: 1, averageLength: 0.001).validate()
    for wrong in [
      TextVector.Weights(k: -1), .init(k: 101), .init(k: .nan), .init(b: 1.1), .init(b: -.ulpOfOne),
      .init(averageLength: 0), .init(averageLength: .infinity),
    ] {
      let error = #expect(throws: MoultError.self) { try wrong.validate() }
      #expect(error?.code == .invalidArgument, "\(wrong)")
    }
  }
}
