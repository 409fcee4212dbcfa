import GRDB
import MoultModel

typealias SQLArguments = [(any DatabaseValueConvertible)?]

// Conditions on the values that paths reach. In here arguments are named by their numbers, so that one may stand in
// several places.
extension PointStore {
  /// Whether one of the values that a path reaches in `document`, an expression that gives JSON text or NULL, fulfils a
  /// condition: 0 or 1.
  func sql(
    _ path: ValuePath, _ condition: ValueCondition, in document: String, _ arguments: inout SQLArguments
  ) throws -> String {
    let reach = try ValueReach(path, in: document, &arguments)
    let value = reach.value
    switch condition {
    case .isEmpty: return "NOT \(reach.any(Self.isFilled(value)))"
    case .isNull:
      return reach.any(
        """
        \(value.type) = 'null' OR (\(value.type) = 'array' \
        AND EXISTS (SELECT 1 FROM \(value.elements) AS inner WHERE inner.type = 'null'))
        """)
    case .hasCount(let lower, let upper):
      let count =
        "CASE \(value.type) WHEN 'array' THEN \(value.count) WHEN 'null' THEN 0 ELSE 1 END"
      let within = reach.any(
        "\(value.type) IS NOT NULL" + Self.bounds(lower, upper, "(\(count))", &arguments))
      let allowsNone = ValueCondition.isWithin(0, lower, upper)
      return allowsNone ? "(\(within) OR NOT \(reach.any("\(value.type) IS NOT NULL")))" : within
    case .isOneOf, .isNoneOf, .isBetween, .isTime, .hasWords, .hasPrefix, .hasSubstring, .isPlace:
      let test = try Self.test(condition, &arguments)
      let element = "element\(arguments.count)"
      return reach.any(
        """
        CASE \(value.type) WHEN 'array' THEN EXISTS (SELECT 1 FROM \(value.elements) AS \(element) \
        WHERE \(test("\(element).type", "\(element).value"))) ELSE \(test(value.type, value.content)) END
        """)
    }
  }

  /// Whether an array that a path reaches has an object that matches among its elements. A statement of its own looks at
  /// each: SQLite bounds how deep statements are.
  func sql(
    _ path: ValuePath, _ filter: PointFilter, in document: String, _ arguments: inout SQLArguments
  ) throws -> String {
    let reach = try ValueReach(ValuePath(path.steps + [.each]), in: document, &arguments)
    arguments.append(ElementFilter(filter))
    return reach.any(
      "\(reach.value.type) = 'object' AND moult_element_matches(?\(arguments.count), \(reach.value.content))")
  }

  /// A condition on an element, whose JSON is the first argument.
  fileprivate func sql(
    element filter: PointFilter, _ arguments: inout SQLArguments
  ) throws -> String {
    func list(_ parts: [PointFilter], _ word: String, _ empty: String) throws -> String {
      var conditions: [String] = []
      for part in parts { conditions.append("(\(try sql(element: part, &arguments)))") }
      return Self.balanced(conditions[...], word) ?? empty
    }
    switch filter {
    case .values(let path, let condition): return try sql(path, condition, in: "?1", &arguments)
    case .elements(let path, let part): return try sql(path, part, in: "?1", &arguments)
    case .all(let parts): return try list(parts, "AND", "1")
    case .any(let parts): return try list(parts, "OR", "0")
    case .atLeast(let count, let parts):
      arguments.append(count)
      let place = arguments.count
      return "(\(try list(parts, "+", "0")) >= ?\(place))"
    case .not(let part): return "NOT \(try sql(element: part, &arguments))"
    // An element has neither id nor vector.
    case .ids, .idsBetween, .idsBetweenAfter, .slice, .sample, .hasVector: return "0"
    case .field, .fields:
      throw MoultError(.invalidArgument, "inside elements, conditions are about values and elements")
    }
  }

  /// SQLite bounds how deep an expression is.
  private static func balanced(_ parts: ArraySlice<String>, _ word: String) -> String? {
    guard parts.count > 1 else { return parts.first }
    let middle = parts.startIndex + parts.count / 2
    return "(\(balanced(parts[..<middle], word)!) \(word) \(balanced(parts[middle...], word)!))"
  }

  private static func isFilled(_ value: ValueReach.Value) -> String {
    "coalesce(\(value.type), 'null') <> 'null' AND (\(value.type) <> 'array' OR \(value.count) > 0)"
  }

  /// A condition on one value, given expressions of its type and content; where that is an object or array, its JSON.
  private static func test(
    _ condition: ValueCondition, _ arguments: inout SQLArguments
  ) throws -> (_ type: String, _ content: String) -> String {
    switch condition {
    case .isOneOf(let values): return try isOneOf(values, &arguments)
    case .isNoneOf(let values):
      let isOneOf = try isOneOf(values, &arguments)
      return { type, content in
        "(coalesce(\(type), 'null') <> 'null' AND NOT coalesce(\(isOneOf(type, content)), 0))"
      }
    case .isBetween(let lower, let upper):
      let bounds = boundsTest(lower, upper, &arguments)
      return { type, content in "(\(type) IN ('integer', 'real')\(bounds(content)))" }
    case .isTime(let range):
      arguments += [range.lowerBound, range.upperBound]
      let last = arguments.count
      return { type, content in
        "(\(type) = 'text' AND moult_time(\(content)) BETWEEN ?\(last - 1) AND ?\(last))"
      }
    case .hasWords(let match):
      // Words have no spaces.
      arguments += [match.words.map(\.text).joined(separator: " "), match.rule.rawValue]
      let last = arguments.count
      return { type, content in
        "(\(type) = 'text' AND moult_has_words(\(content), ?\(last - 1), ?\(last)))"
      }
    case .hasPrefix(let prefix): return textTest(prefix, &arguments) { "instr(\($0), \($1)) = 1" }
    case .hasSubstring(let part): return textTest(part, &arguments) { "instr(\($0), \($1)) > 0" }
    case .isPlace(let area):
      arguments.append(PointFunctions.bytes(of: area))
      let last = arguments.count
      return { type, content in
        let object = "CASE \(type) WHEN 'object' THEN \(content) END"
        return """
          (json_type(\(object), '$.lat') IN ('integer', 'real') AND json_type(\(object), '$.lon') IN ('integer', 'real') \
          AND moult_contains(?\(last), json_extract(\(object), '$.lat'), json_extract(\(object), '$.lon')))
          """
      }
    case .isEmpty, .isNull, .hasCount: preconditionFailure("is about values as they are")
    }
  }

  private static func textTest(
    _ text: ExactText, _ arguments: inout SQLArguments, _ test: @escaping (String, String) -> String
  ) -> (String, String) -> String {
    // SQLite's text ends at a NUL; no stored text holds one.
    guard !text.text.utf8.contains(0) else { return { _, _ in "0" } }
    // Everything begins with the empty text, which `instr` finds in none that is empty too.
    guard !text.text.isEmpty else { return { type, _ in "\(type) = 'text'" } }
    arguments.append(text.text)
    let place = arguments.count
    return { type, content in "(\(type) = 'text' AND \(test(content, "?\(place)")))" }
  }

  private static func isOneOf(
    _ values: [PointFilter.Scalar], _ arguments: inout SQLArguments
  ) throws -> (String, String) -> String {
    var parts: [(String, String) -> String] = []
    func list(_ type: String, _ values: [PointFilter.Scalar]) throws {
      guard !values.isEmpty, let json = try json(values) else { return }
      arguments.append(json)
      let place = arguments.count
      parts.append { "(\($0) = '\(type)' AND \($1) IN (SELECT value FROM json_each(?\(place))))" }
    }
    try list("text", values.filter { if case .string = $0 { !$0.hasNUL } else { false } })
    try list("integer", values.filter { if case .int = $0 { true } else { false } })
    try list("real", values.filter { if case .double(let number) = $0 { number.isFinite } else { false } })
    for (value, type) in [(PointFilter.Scalar.bool(true), "true"), (.bool(false), "false"), (.null, "null")]
    where values.contains(value) { parts.append { kind, _ in "\(kind) = '\(type)'" } }
    return { [parts] type, content in
      parts.isEmpty ? "0" : "(" + parts.map { $0(type, content) }.joined(separator: " OR ") + ")"
    }
  }

  private static func bounds(
    _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?, _ value: String,
    _ arguments: inout SQLArguments
  ) -> String { boundsTest(lower, upper, &arguments)(value) }

  /// ` AND …` for each bound that binds.
  private static func boundsTest(
    _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?, _ arguments: inout SQLArguments
  ) -> (String) -> String {
    var parts: [(sign: String, place: Int)] = []
    for (bound, sign) in [(lower, ">"), (upper, "<")] {
      guard let bound else { continue }
      arguments.append(bound.value)
      parts.append((sign + (bound.isInclusive ? "=" : ""), arguments.count))
    }
    return { [parts] value in parts.map { " AND \(value) \($0.sign) ?\($0.place)" }.joined() }
  }
}

extension ValueCondition {
  static func isWithin(_ value: Double, _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?) -> Bool {
    (lower.map { $0.isInclusive ? value >= $0.value : value > $0.value } ?? true)
      && (upper.map { $0.isInclusive ? value <= $0.value : value < $0.value } ?? true)
  }
}

/// The values that a path reaches in a document, in SQL: rows of tables, one for each array that the path goes through.
struct ValueReach {
  /// Expressions.
  struct Value {
    /// As `json_type` has it; NULL where nothing is reached.
    var type: String
    /// SQL's value of a scalar, JSON text of an object or array.
    var content: String
    /// A table of an array's elements.
    var elements: String
    /// How many elements an array has.
    var count: String
  }

  private(set) var tables: [String] = []
  private(set) var conditions: [String] = []
  private(set) var value: Value

  /// - Throws: `invalidArgument` for a path that is empty, too long, or names what SQLite's paths cannot.
  init(_ path: ValuePath, in document: String, _ arguments: inout SQLArguments) throws {
    guard (1...ValuePath.stepCountMax).contains(path.steps.count) else {
      throw MoultError(
        .invalidArgument,
        "a path to values takes 1 … \(ValuePath.stepCountMax) steps, got \(path.steps.count)")
    }
    value = Value(type: "", content: document, elements: "", count: "")
    var document = document
    var part = "$"
    for step in path.steps {
      switch step {
      case .name(let name): part += try PointStore.jsonPath([name.text]).dropFirst()
      // No array is that long; SQLite counts in 32 bits.
      case .index(let index): part += "[\(min(index, 4_000_000_000))]"
      case .each:
        if part != "$" || tables.isEmpty { value = Self.value(at: part, of: document, &arguments) }
        let row = "row\(arguments.count)_\(tables.count)"
        conditions.append("\(value.type) = 'array'")
        tables.append("\(value.elements) AS \(row)")
        document = "CASE WHEN \(row).type IN ('object', 'array') THEN \(row).value END"
        let array = "CASE \(row).type WHEN 'array' THEN \(row).value END"
        value = Value(
          type: "\(row).type", content: "\(row).value", elements: "json_each(\(array))",
          count: "json_array_length(\(array))")
        part = "$"
      }
    }
    if part != "$" { value = Self.value(at: part, of: document, &arguments) }
  }

  private static func value(
    at path: String, of document: String, _ arguments: inout SQLArguments
  ) -> Value {
    arguments.append(path)
    let place = "\(document), ?\(arguments.count)"
    return Value(
      type: "json_type(\(place))", content: "json_extract(\(place))", elements: "json_each(\(place))",
      count: "json_array_length(\(place))")
  }

  /// Whether a condition holds for one of the values: 0 or 1.
  func any(_ condition: String) -> String {
    if tables.isEmpty { return "coalesce((\(condition)), 0)" }
    return """
      EXISTS (SELECT 1 FROM \(tables.joined(separator: ", ")) \
      WHERE \((conditions + ["(\(condition))"]).joined(separator: " AND ")))
      """
  }
}

/// The filter of elements that an argument of a statement stands for.
private final class ElementFilter: DatabaseValueConvertible {
  let filter: PointFilter
  /// Its place among those of a statement, given before the statement is run.
  var number = 0

  init(_ filter: PointFilter) { self.filter = filter }

  var databaseValue: DatabaseValue { number.databaseValue }
  static func fromDatabaseValue(_ value: DatabaseValue) -> Self? { nil }
}

extension PointStore {
  /// Runs a statement with a filter in it.
  ///
  /// - Parameters:
  ///   - arguments: of the statement; `body` takes their values.
  ///   - body: runs the statement to its end.
  /// - Throws: `invalidArgument` for a filter that is too much for SQLite.
  func answering<Value>(
    _ filter: PointFilter?, _ arguments: SQLArguments, in db: Database, _ body: () throws -> Value
  ) throws -> Value {
    do {
      let elements = try elementStatements(of: arguments)
      let functions = [
        filter.flatMap { hasVector(in: $0.vectorFields) }, elements?.function,
        TermMatchArgument.function(for: arguments),
      ].compactMap(\.self)
      for function in functions { db.add(function: function) }
      // They hold a state of the vectors, statements, and what this filter asks for: none of them shall outlive this one.
      defer { for function in functions { db.remove(function: function) } }
      // They call the function, which has to be there before.
      try elements?.prepare(in: db)
      return try body()
    } catch let error as DatabaseError
      where ["parser stack overflow", "too many SQL variables"].contains(error.message)
      || error.message?.hasPrefix("Expression tree is too large") == true
    {
      throw MoultError(
        .invalidArgument, "the filter's conditions lie too deep in each other; ask for less at once")
    }
  }

  /// Whether a row has a vector in a field: of one state of the vectors for a whole statement.
  private func hasVector(in fields: Set<ExactText>) -> DatabaseFunction? {
    if fields.isEmpty { return nil }
    var known: [String: @Sendable (Int64) -> Bool] = [:]
    for field in fields { known[field.text] = vectorRows?(field.text) }
    return DatabaseFunction("moult_has_vector", argumentCount: 2, pure: false) { [known] values in
      guard let field = String.fromDatabaseValue(values[0]), let row = Int64.fromDatabaseValue(values[1])
      else { return false }
      return known[field]?(row) ?? false
    }
  }

  /// The filters of elements in a statement's arguments, each with a number from now on; `nil` if there are none.
  private func elementStatements(of arguments: SQLArguments) throws -> ElementStatements? {
    var filters = arguments.compactMap { $0 as? ElementFilter }
    var found: [(sql: String, arguments: SQLArguments)] = []
    // Filters inside are found on the way.
    while found.count < filters.count {
      let filter = filters[found.count]
      filter.number = found.count
      var own: SQLArguments = [nil]
      let condition = try sql(element: filter.filter, &own)
      // Names its first argument also where no condition does.
      found.append(("SELECT ?1 IS NOT NULL AND \(condition)", own))
      filters += own.compactMap { $0 as? ElementFilter }
    }
    return found.isEmpty ? nil : ElementStatements(found)
  }
}

/// What looks at elements: a statement for each filter, run by a function that says whether an element, JSON text,
/// matches the filter of a number.
///
/// Statements are run on their connection's own thread, each only inside the one that it is part of.
private final class ElementStatements: @unchecked Sendable {
  private let texts: [(sql: String, arguments: SQLArguments)]
  private var statements: [(statement: Statement, rest: StatementArguments)] = []

  init(_ texts: [(sql: String, arguments: SQLArguments)]) { self.texts = texts }

  func prepare(in db: Database) throws {
    statements = try texts.map { text in
      (try db.makeStatement(sql: text.sql), StatementArguments(text.arguments.dropFirst()))
    }
  }

  private func matches(_ number: Int, _ element: DatabaseValue) throws -> Bool {
    let (statement, rest) = statements[number]
    return try Bool.fetchOne(statement, arguments: StatementArguments([element]) + rest) ?? false
  }

  /// It holds the statements as long as it is there.
  var function: DatabaseFunction {
    DatabaseFunction("moult_element_matches", argumentCount: 2, pure: false) { [self] values in
      guard let number = Int.fromDatabaseValue(values[0]) else { return false }
      return try matches(number, values[1])
    }
  }
}
