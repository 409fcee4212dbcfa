internal import MoultModel
internal import MoultServer

/// Reads the filter language of Milvus into a filter of the engine.
///
/// Understood: comparisons of a field with values, ranges `a < f <= b`, `in`, `not in`, `like`, `is null`,
/// `exists`, `and`, `or`, `not (…)`, members of JSON and dynamic fields, elements and functions of arrays, arithmetic of a
/// field with numbers, comparisons of two fields, terms in texts, samples, placeholders. What else there is is refused with its
/// place, never passed over.
///
/// A comparison with a field that is missing or null is neither true nor false: its negation is not true either.
struct FilterParser {
  typealias Scalar = PointFilter.Scalar

  let schema: CollectionSchema
  let definition: CollectionDefinition
  let templates: [String: JSON]
  private(set) var scanner: FilterScanner
  private(set) var token: FilterScanner.Token = .end
  private var depth = 0

  /// Parentheses and negations in each other at most.
  private static let depthMax = 64

  /// - Parameter templates: values of placeholders.
  static func parse(
    _ text: String, _ collection: DescribedCollection, templates: [String: JSON] = [:]
  ) throws -> PointFilter {
    do {
      var parser = FilterParser(
        schema: collection.info.schema, definition: collection.definition, templates: templates,
        scanner: FilterScanner(text))
      try parser.advance()
      let filter = try parser.disjunction(negated: false)
      guard parser.token == .end else {
        throw parser.scanner.failure("expected the end of the expression")
      }
      return filter
    } catch let error as FilterError {
      throw MilvusError.invalidParameter(
        "failed to create query plan: cannot parse expression: \(text.prefix(1000)), error: \(error.message)")
    }
  }

  private init(
    schema: CollectionSchema, definition: CollectionDefinition, templates: [String: JSON],
    scanner: FilterScanner
  ) {
    self.schema = schema
    self.definition = definition
    self.templates = templates
    self.scanner = scanner
  }

  // MARK: Logic

  mutating func advance() throws(FilterError) { token = try scanner.next() }

  mutating func take(_ symbols: String...) throws(FilterError) -> Bool {
    guard case .symbol(let symbol) = token, symbols.contains(symbol) else { return false }
    try advance()
    return true
  }

  /// Keywords are all lower or all upper case.
  private mutating func take(word: String) throws(FilterError) -> Bool {
    guard case .name(let name) = token, name == word || name == word.uppercased() else { return false }
    try advance()
    return true
  }

  private mutating func take(word: String, or symbol: String) throws(FilterError) -> Bool {
    if try take(word: word) { return true }
    return try take(symbol)
  }

  mutating func expect(_ symbol: String) throws(FilterError) {
    guard try take(symbol) else { throw scanner.failure("expected '\(symbol)'") }
  }

  private mutating func disjunction(negated: Bool) throws(FilterError) -> PointFilter {
    var parts = [try conjunction(negated: negated)]
    while true {
      guard try take(word: "or", or: "||") else { break }
      parts.append(try conjunction(negated: negated))
    }
    return parts.count == 1 ? parts[0] : negated ? .all(parts) : .any(parts)
  }

  private mutating func conjunction(negated: Bool) throws(FilterError) -> PointFilter {
    var parts = [try unit(negated: negated)]
    while true {
      guard try take(word: "and", or: "&&") else { break }
      parts.append(try unit(negated: negated))
    }
    return parts.count == 1 ? parts[0] : negated ? .any(parts) : .all(parts)
  }

  private mutating func unit(negated: Bool) throws(FilterError) -> PointFilter {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw scanner.failure("more than \(Self.depthMax) levels") }
    if try take(word: "not", or: "!") {
      // It binds tighter than comparisons: what it stands before must be whole.
      guard token == .symbol("(") || isFunction || isNegation else {
        throw scanner.failure("expected '(' after 'not'")
      }
      return try unit(negated: !negated)
    }
    if try take("(") {
      let inner = try disjunction(negated: negated)
      try expect(")")
      return inner
    }
    if try take(word: "exists") {
      guard case .member(let member) = try path() else {
        throw scanner.failure("'exists' takes a member of a JSON field")
      }
      let found = member.condition(.exists)
      return negated ? .not(found) : found
    }
    return try comparison(negated: negated)
  }

  private var isNegation: Bool { token == .symbol("!") || token == .name("not") || token == .name("NOT") }
  private var isFunction: Bool {
    guard case .name(let name) = token else { return false }
    return (["exists", Self.sampling] + Self.arrayFunctions + Self.textFunctions).contains(name.lowercased())
  }

  /// Whether a bracket follows the name at hand.
  var isCall: Bool {
    var ahead = scanner
    return (try? ahead.next()) == .symbol("(")
  }

  // MARK: Comparisons

  private mutating func comparison(negated: Bool) throws(FilterError) -> PointFilter {
    if let filter = try textCondition(negated: negated) { return filter }
    if let filter = try sample(negated: negated) { return filter }
    if let filter = try arrayCondition(negated: negated) { return filter }
    let left = try operand()
    if let filter = try special(left, negated: negated) { return filter }
    guard case .symbol(let sign) = token, Self.signs.contains(sign) else {
      throw scanner.failure("expected a comparison")
    }
    try advance()
    let middle = try operand()
    switch (left, middle) {
    case (.value, .value): throw scanner.failure("expected a field on one side of '\(sign)'")
    case (_, .value(let value)): return try compare(left, sign, value, negated)
    case (.value(let value), _):
      let first = try compare(middle, Self.mirrored[sign] ?? sign, value, negated)
      guard case .symbol(let second) = token, Self.signs.contains(second) else { return first }
      // a < f <= b
      guard sign.first == second.first, sign != "==", sign != "!=" else {
        throw scanner.failure("a range takes two signs of the same direction")
      }
      try advance()
      guard case .value(let bound) = try operand() else { throw scanner.failure("expected a value") }
      let other = try compare(middle, second, bound, negated)
      return negated ? .any([first, other]) : .all([first, other])
    case (.member(let one), .member(let two)) where one.element == nil && two.element == nil:
      let relation = PointFilter.Relation(rawValue: sign == "==" || sign == "!=" ? "=" : sign) ?? .equal
      let filter = PointFilter.fields(one.names, relation, two.names)
      return negated != (sign == "!=") ? .all([one.isSet, two.isSet, .not(filter)]) : filter
    default: throw scanner.failure("'\(sign)' between these is not supported by this version of Moult;")
    }
  }

  static let sampling = "random_sample"
  /// How near to none and to all a sample may be.
  private static let sampleMargin = 1e-10

  /// `random_sample(0.1)`: another one each time; `nil` when none stands here.
  private mutating func sample(negated: Bool) throws(FilterError) -> PointFilter? {
    guard case .name(let name) = token, name == Self.sampling || name == Self.sampling.uppercased(), isCall
    else { return nil }
    try advance()
    try expect("(")
    guard case .value(let value) = try operand(), let share = value.number,
      share > Self.sampleMargin, share < 1 - Self.sampleMargin
    else { throw scanner.failure("the sample factor should be a number between 0 and 1, before") }
    try expect(")")
    let sample = PointFilter.sample(share: share, seed: .random(in: 0 ... .max))
    return negated ? .not(sample) : sample
  }

  private static let signs = ["==", "!=", "<", "<=", ">", ">="]
  private static let mirrored = ["<": ">", "<=": ">=", ">": "<", ">=": "<="]

  /// `in`, `not in`, `like`, `is null`.
  private mutating func special(_ operand: FilterOperand, negated: Bool) throws(FilterError) -> PointFilter? {
    let member: FilterMember?
    switch operand {
    case .key: member = nil
    case .member(let named): member = named
    case .value, .count, .computed: return nil
    }
    if try take(word: "in") { return try membership(member, negated) }
    if try take(word: "not") {
      guard try take(word: "in") else { throw scanner.failure("expected 'in' after 'not'") }
      return try membership(member, !negated)
    }
    if try take(word: "like") {
      guard case .string(let pattern) = token else {
        throw scanner.failure("'like' takes a text field and a string")
      }
      guard let member else {
        let filter = try keys(like: pattern)
        try advance()
        return negated ? .not(filter) : filter
      }
      try advance()
      return member.known(.matches(glob: Self.glob(pattern)), negated: negated)
    }
    if try take(word: "is") {
      let isNot = try take(word: "not")
      guard try take(word: "null") else { throw scanner.failure("expected 'null'") }
      guard let member else { return negated != isNot ? .all([]) : .any([]) }
      return negated != isNot ? member.isSet : .not(member.isSet)
    }
    return nil
  }

  /// - Parameter member: `nil` for the key.
  private mutating func membership(_ member: FilterMember?, _ negated: Bool) throws(FilterError)
    -> PointFilter
  {
    let values = try list()
    if let member { return member.known(.isOneOf(try typed(values, member)), negated: negated) }
    var ids = Set<PointID>()
    for value in values { ids.insert(try id(value)) }
    return negated ? .not(.ids(ids)) : .ids(ids)
  }

  private func compare(_ operand: FilterOperand, _ sign: String, _ value: Scalar, _ negated: Bool)
    throws(FilterError) -> PointFilter
  {
    switch operand {
    case .key: return try compareKey(sign, try id(value), negated)
    case .member(let member): return try compare(member, sign, value, negated)
    case .count(let member):
      let (lower, upper) = try Self.bounds(sign, try number(value, sign))
      return member.known(.hasCount(lower: lower, upper: upper), negated: negated != (sign == "!="))
    case .computed(let member, let steps):
      let (lower, upper) = try Self.bounds(sign, try number(value, sign))
      guard let member else {
        let filter = PointFilter.idsBetweenAfter(steps, lower: lower, upper: upper)
        return negated != (sign == "!=") ? .not(filter) : filter
      }
      return member.known(
        .isBetweenAfter(steps, lower: lower, upper: upper), negated: negated != (sign == "!="))
    case .value: throw scanner.failure("expected a field on one side of '\(sign)'")
    }
  }

  private func number(_ value: Scalar, _ sign: String) throws(FilterError) -> Double {
    guard let number = value.number else { throw scanner.failure("'\(sign)' compares numbers here;") }
    return number
  }

  private static func bounds(_ sign: String, _ number: Double) throws(FilterError) -> (
    PointFilter.Bound?, PointFilter.Bound?
  ) {
    let bound = PointFilter.Bound(number, isInclusive: sign.count == 2)
    return switch sign.first {
    case ">": (bound, nil)
    case "<": (nil, bound)
    default: (bound, bound)
    }
  }

  private func compare(_ member: FilterMember, _ sign: String, _ value: Scalar, _ negated: Bool)
    throws(FilterError) -> PointFilter
  {
    let value = try typed([value], member)[0]
    if sign == "==" || sign == "!=" {
      return member.known(.isOneOf([value]), negated: negated != (sign == "!="))
    }
    if case .string(let text) = value {
      let bound = PointFilter.TextBound(text, isInclusive: sign.count == 2)
      return member.known(
        sign.first == ">"
          ? .isTextBetween(lower: bound, upper: nil) : .isTextBetween(lower: nil, upper: bound),
        negated: negated)
    }
    guard let number = value.number else { throw scanner.failure("'\(sign)' compares numbers and strings") }
    let (lower, upper) = try Self.bounds(sign, number)
    return member.known(.isBetween(lower: lower, upper: upper), negated: negated)
  }

  private func compareKey(_ sign: String, _ id: PointID, _ negated: Bool) throws(FilterError) -> PointFilter {
    let bound = PointFilter.IDBound(id, isInclusive: sign.count == 2)
    let filter: PointFilter =
      switch sign {
      case "==", "!=": .ids([id])
      case ">", ">=": .idsBetween(lower: bound, upper: nil)
      default: .idsBetween(lower: nil, upper: bound)
      }
    return negated != (sign == "!=") ? .not(filter) : filter
  }

  /// Keys that a pattern fits: all with a prefix, or one.
  private func keys(like pattern: String) throws(FilterError) -> PointFilter {
    guard schema.keyKind == .string else {
      throw scanner.failure(
        "'like' takes a text; the primary field '\(schema.keyField)' is of type \(schema.keyKind.milvusName),"
      )
    }
    var prefix = String.UnicodeScalarView()
    var isEscaped = false
    var isOpen = false
    for scalar in pattern.unicodeScalars {
      let isWild = !isEscaped && (scalar == "%" || scalar == "_")
      guard !isOpen, !isWild || scalar == "%" else {
        throw scanner.failure(
          "'like' with the primary field takes a pattern 'prefix%' in this version of Moult;")
      }
      if isWild {
        isOpen = true
      } else if scalar == "\\", !isEscaped {
        isEscaped = true
        continue
      } else {
        prefix.append(scalar)
      }
      isEscaped = false
    }
    guard isOpen else { return .ids([.string(String(prefix))]) }
    let end = Self.successor(of: prefix).map { PointFilter.IDBound(.string($0), isInclusive: false) }
    return .idsBetween(lower: .init(.string(String(prefix)), isInclusive: true), upper: end)
  }

  /// The smallest text behind all that begin with `prefix`, by bytes; `nil` where there is none.
  private static func successor(of prefix: String.UnicodeScalarView) -> String? {
    var scalars = prefix
    while let last = scalars.popLast() {
      // Surrogates are no characters.
      let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
      guard let next = Unicode.Scalar(next) else { continue }
      scalars.append(next)
      return String(scalars)
    }
    return nil
  }

  /// `%` stands for any characters, `_` for one; a backslash takes their meaning away.
  private static func glob(_ pattern: String) -> String {
    var glob = ""
    var isEscaped = false
    for character in pattern {
      switch character {
      case "\\" where !isEscaped:
        isEscaped = true
        continue
      case "%" where !isEscaped: glob += "*"
      case "_" where !isEscaped: glob += "?"
      case "*", "?", "[": glob += "[\(character)]"
      default: glob.append(character)
      }
      isEscaped = false
    }
    return glob
  }
}
