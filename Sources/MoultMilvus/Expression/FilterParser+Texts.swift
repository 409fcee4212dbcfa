internal import MoultModel

/// Terms in texts.
extension FilterParser {
  static let textFunctions = ["text_match", "phrase_match"]
  private static let minimumName = "minimum_should_match"
  private static let minimumRange: ClosedRange<Int64> = 1...1_000
  /// Of a phrase: each looks at all its places in a text.
  private static let phraseTermsMax = 1_000

  /// `text_match(field, "terms", minimum_should_match=2)`, `phrase_match(field, "terms", 1)`; `nil` when none stands here.
  mutating func textCondition(negated: Bool) throws(FilterError) -> PointFilter? {
    guard case .name(let name) = token, isCall else { return nil }
    let function = name.lowercased()
    guard name == function || name == name.uppercased(), Self.textFunctions.contains(function) else {
      return nil
    }
    try advance()
    try expect("(")
    let field = try matchedField()
    try expect(",")
    let text = try searchedText()
    let rule: TermMatch.Rule =
      function == "text_match" ? .atLeast(try minimum()) : .phrase(slop: try slop())
    try expect(")")
    let analyzer: TextAnalyzer
    do { analyzer = try TextAnalyzer(of: field) } catch { throw FilterError(message: error.message) }
    let match = TermMatch(text, rule, analyzer: analyzer)
    if case .phrase = rule, match.terms.count > Self.phraseTermsMax {
      throw FilterError(
        message: "phrase_match takes at most \(Self.phraseTermsMax) terms, got \(match.terms.count)")
    }
    return FilterMember(names: field.path).known(.hasTerms(match), negated: negated)
  }

  private mutating func matchedField() throws(FilterError) -> CollectionDefinition.Field {
    guard case .name(let name) = token else { throw scanner.failure("expected a field") }
    guard let field = definition.field(name) else { throw scanner.failure("field \(name) not exist,") }
    guard field.isMatched else { throw scanner.failure("field \"\(name)\" does not enable match") }
    try advance()
    return field
  }

  private mutating func searchedText() throws(FilterError) -> String {
    guard case .value(.string(let text)) = try operand() else {
      throw scanner.failure("expected the text to look for, before")
    }
    return text
  }

  private mutating func minimum() throws(FilterError) -> Int {
    guard try take(",") else { return 1 }
    guard case .name(let name) = token, [Self.minimumName, Self.minimumName.uppercased()].contains(name)
    else { throw scanner.failure("expected '\(Self.minimumName)=…'") }
    try advance()
    try expect("=")
    guard case .value(.int(let minimum)) = try operand(), Self.minimumRange.contains(minimum) else {
      throw scanner.failure(
        "\(Self.minimumName) should be an integer >= \(Self.minimumRange.lowerBound) and <= \(Self.minimumRange.upperBound), before"
      )
    }
    return Int(minimum)
  }

  private mutating func slop() throws(FilterError) -> Int {
    guard try take(",") else { return 0 }
    guard case .value(.int(let slop)) = try operand(), (0...Int64(UInt32.max)).contains(slop) else {
      throw scanner.failure(
        "\"slop\" should be a const integer expression with \"uint32\" value, and not negative, before")
    }
    return Int(slop)
  }
}
