internal import MoultModel
internal import MoultServer

/// Reads the filter language of Milvus into a filter of the engine.
///
/// Understood: comparisons of a field with values, ranges `a < f <= b`, `in`, `not in`, `like`, `is null`,
/// `exists`, `and`, `or`, `not (…)`, members of JSON and dynamic fields, placeholders. Arithmetic, comparisons of two
/// fields, array and text functions are refused with their place, never passed over.
///
/// A comparison with a field that is missing or null is neither true nor false: its negation is not true either.
struct FilterParser {
  typealias Scalar = PointFilter.Scalar

  private let schema: CollectionSchema
  private let definition: CollectionDefinition
  private let templates: [String: JSON]
  private var scanner: FilterScanner
  private var token: FilterScanner.Token = .end
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

  private mutating func advance() throws(FilterError) { token = try scanner.next() }

  private mutating func take(_ symbols: String...) throws(FilterError) -> Bool {
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

  private mutating func expect(_ symbol: String) throws(FilterError) {
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
      let path = try path()
      guard case .member(let names) = path else {
        throw scanner.failure("'exists' takes a member of a JSON field")
      }
      let found = PointFilter.field(names, .exists)
      return negated ? .not(found) : found
    }
    return try comparison(negated: negated)
  }

  private var isNegation: Bool { token == .symbol("!") || token == .name("not") || token == .name("NOT") }
  private var isFunction: Bool { token == .name("exists") || token == .name("EXISTS") }

  // MARK: Comparisons

  private enum Path {
    case key
    case member(FieldPath)
  }

  private enum Operand {
    case path(Path)
    case value(Scalar)
  }

  private mutating func comparison(negated: Bool) throws(FilterError) -> PointFilter {
    let left = try operand()
    if case .path(let path) = left, let filter = try special(path, negated: negated) { return filter }
    guard case .symbol(let sign) = token, Self.signs.contains(sign) else {
      throw scanner.failure("expected a comparison")
    }
    try advance()
    let middle = try operand()
    switch (left, middle) {
    case (.path(let path), .value(let value)): return try compare(path, sign, value, negated)
    case (.value(let value), .path(let path)):
      let first = try compare(path, Self.mirrored[sign] ?? sign, value, negated)
      guard case .symbol(let second) = token, Self.signs.contains(second) else { return first }
      // a < f <= b
      guard sign.first == second.first, sign != "==", sign != "!=" else {
        throw scanner.failure("a range takes two signs of the same direction")
      }
      try advance()
      guard case .value(let bound) = try operand() else { throw scanner.failure("expected a value") }
      let other = try compare(path, second, bound, negated)
      return negated ? .any([first, other]) : .all([first, other])
    case (.path, .path):
      throw scanner.failure("comparing two fields is not supported by this version of Moult;")
    case (.value, .value): throw scanner.failure("expected a field on one side of '\(sign)'")
    }
  }

  private static let signs = ["==", "!=", "<", "<=", ">", ">="]
  private static let mirrored = ["<": ">", "<=": ">=", ">": "<", ">=": "<="]

  /// `in`, `not in`, `like`, `is null`.
  private mutating func special(_ path: Path, negated: Bool) throws(FilterError) -> PointFilter? {
    if try take(word: "in") { return try membership(path, negated) }
    if try take(word: "not") {
      guard try take(word: "in") else { throw scanner.failure("expected 'in' after 'not'") }
      return try membership(path, !negated)
    }
    if try take(word: "like") {
      guard case .string(let pattern) = token, case .member(let names) = path else {
        throw scanner.failure("'like' takes a text field and a string")
      }
      try advance()
      return Self.known(names, .matches(glob: Self.glob(pattern)), negated)
    }
    if try take(word: "is") {
      let isNot = try take(word: "not")
      guard try take(word: "null") else { throw scanner.failure("expected 'null'") }
      guard case .member(let names) = path else { return negated != isNot ? .all([]) : .any([]) }
      return negated != isNot ? Self.isSet(names) : .not(Self.isSet(names))
    }
    return nil
  }

  private mutating func membership(_ path: Path, _ negated: Bool) throws(FilterError) -> PointFilter {
    var values: [Scalar] = []
    if case .placeholder(let name) = token {
      guard let list = templates[name]?.array else {
        throw scanner.failure("no list was given for {\(name)}")
      }
      for value in list { values.append(try scalar(value)) }
      try advance()
    } else {
      try expect("[")
      while token != .symbol("]") {
        guard case .value(let value) = try operand() else { throw scanner.failure("expected a value") }
        values.append(value)
        guard try take(",") else { break }
      }
      try expect("]")
    }
    switch path {
    case .key:
      var ids = Set<PointID>()
      for value in values { ids.insert(try id(value)) }
      return negated ? .not(.ids(ids)) : .ids(ids)
    case .member(let names): return Self.known(names, .isOneOf(try typed(values, names)), negated)
    }
  }

  private func compare(_ path: Path, _ sign: String, _ value: Scalar, _ negated: Bool) throws(FilterError)
    -> PointFilter
  {
    guard case .member(let names) = path else { return try compareKey(sign, try id(value), negated) }
    let value = try typed([value], names)[0]
    if sign == "==" || sign == "!=" {
      return Self.known(names, .isOneOf([value]), negated != (sign == "!="))
    }
    let isInclusive = sign.count == 2
    switch value {
    case .string(let text):
      let bound = PointFilter.TextBound(text, isInclusive: isInclusive)
      return Self.known(
        names,
        sign.first == ">"
          ? .isTextBetween(lower: bound, upper: nil) : .isTextBetween(lower: nil, upper: bound),
        negated)
    case .int(let number): return Self.compare(names, sign, Double(number), negated)
    case .double(let number): return Self.compare(names, sign, number, negated)
    case .bool, .null: throw scanner.failure("'\(sign)' compares numbers and strings")
    }
  }

  private static func compare(_ names: FieldPath, _ sign: String, _ number: Double, _ negated: Bool)
    -> PointFilter
  {
    let bound = PointFilter.Bound(number, isInclusive: sign.count == 2)
    return known(
      names, sign.first == ">" ? .isBetween(lower: bound, upper: nil) : .isBetween(lower: nil, upper: bound),
      negated)
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

  /// A condition on a member, or its negation where the member is there and not null.
  private static func known(_ names: FieldPath, _ comparison: PointFilter.Comparison, _ negated: Bool)
    -> PointFilter
  {
    negated ? .all([isSet(names), .not(.field(names, comparison))]) : .field(names, comparison)
  }

  private static func isSet(_ names: FieldPath) -> PointFilter {
    .all([.field(names, .exists), .not(.field(names, .isOneOf([.null])))])
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

  // MARK: Fields and values

  private mutating func operand() throws(FilterError) -> Operand {
    let isNegative = try take("-")
    switch token {
    case .int(let value):
      try advance()
      return .value(.int(isNegative ? -value : value))
    case .double(let value):
      try advance()
      if isNegative, value == 9_223_372_036_854_775_808 { return .value(.int(.min)) }
      return .value(.double(isNegative ? -value : value))
    case .string(let text) where !isNegative:
      try advance()
      return .value(.string(text))
    case .placeholder(let name) where !isNegative:
      guard let value = templates[name] else { throw scanner.failure("no value was given for {\(name)}") }
      try advance()
      return .value(try scalar(value))
    case .name(let name) where !isNegative:
      if ["true", "True", "TRUE"].contains(name) {
        try advance()
        return .value(.bool(true))
      }
      if ["false", "False", "FALSE"].contains(name) {
        try advance()
        return .value(.bool(false))
      }
      return .path(try path())
    default: throw scanner.failure("expected a field or a value")
    }
  }

  private func scalar(_ json: JSON) throws(FilterError) -> Scalar {
    switch json {
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .null, .array, .object, .floats: throw scanner.failure("expected a value, got \(json.kind)")
    }
  }

  /// `field`, `field["name"]["name"]`, `$meta["name"]`, a bare name of the dynamic field.
  private mutating func path() throws(FilterError) -> Path {
    guard case .name(let name) = token else { throw scanner.failure("expected a field") }
    let start = scanner
    try advance()
    var names: [String] = []
    while try take("[") {
      guard case .string(let member) = token else {
        throw scanner.failure(
          "elements of arrays are not supported by this version of Moult; expected a name in quotes")
      }
      names.append(member)
      try advance()
      try expect("]")
    }
    if token == .symbol("(") {
      throw start.failure("the function '\(name)' is not supported by this version of Moult,")
    }
    if let field = definition.field(name) {
      if field.isPrimary { return .key }
      guard !field.type.isVector else { throw start.failure("a vector field cannot be compared,") }
      guard names.isEmpty || field.type == .json else { throw start.failure("field '\(name)' is no JSON,") }
      return .member(FieldPath([name] + names))
    }
    guard definition.isDynamic else { throw start.failure("field \(name) not exist,") }
    let all = name == CollectionDefinition.dynamicField ? names : [name] + names
    guard !all.isEmpty else { throw start.failure("expected a member of \(name)") }
    return .member(FieldPath(all))
  }

  private func id(_ value: Scalar) throws(FilterError) -> PointID {
    switch (schema.keyKind, value) {
    case (.int64, .int(let number)): return .int64(number)
    case (.string, .string(let text)): return .string(text)
    default:
      throw scanner.failure("the primary field '\(schema.keyField)' is of type \(schema.keyKind.milvusName)")
    }
  }

  /// Checks values against the type of a field; a member of JSON may be of any.
  private func typed(_ values: [Scalar], _ names: FieldPath) throws(FilterError) -> [Scalar] {
    guard names.names.count == 1, let field = definition.field(names.names[0]) else { return values }
    for value in values {
      let fits =
        switch (field.type, value) {
        case (.json, _): true
        case (.bool, .bool), (.varChar, .string): true
        case (.int8, .int), (.int16, .int), (.int32, .int), (.int64, .int): true
        case (.int8, .double), (.int16, .double), (.int32, .double), (.int64, .double): true
        case (.float, .int), (.float, .double), (.double, .int), (.double, .double): true
        default: false
        }
      guard fits else {
        throw scanner.failure(
          "field '\(field.name)' of type \(field.type.name) is compared with another type")
      }
    }
    // What was stored is the shortest text of a float32; the double next to 0.1 is another number.
    guard field.type == .float else { return values }
    return values.map { value in
      guard case .double(let number) = value, let rounded = Double("\(Float(number))") else { return value }
      return .double(rounded)
    }
  }
}
