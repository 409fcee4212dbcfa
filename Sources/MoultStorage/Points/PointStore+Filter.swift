import Foundation
package import GRDB
package import MoultModel

extension PointStore {
  /// Rows with `from ≤ row < to` that match a filter, dead ones included, rising: what a row holds never changes,
  /// so the answer stays true for ever.
  ///
  /// - Throws: `invalidArgument` for a field that cannot be named.
  /// - Complexity: reads the payloads of the range.
  package func rows(
    matching filter: PointFilter, from: Int64, to: Int64, in db: Database
  ) throws -> [Int64] {
    var arguments: [(any DatabaseValueConvertible)?] = [from, to]
    let condition = try sql(filter, &arguments)
    return try answering(filter, arguments, in: db) {
      try Int64.fetchAll(
        db, sql: "SELECT row FROM \(table) WHERE row >= ? AND row < ? AND \(condition) ORDER BY row",
        arguments: StatementArguments(arguments))
    }
  }

  /// Live points that match, in the order of their keys, after `after`.
  ///
  /// - Parameter filter: `nil` matches all.
  /// - Complexity: reads the payloads of all live points in the worst case.
  package func live(
    matching filter: PointFilter?, after: PointID? = nil, limit: Int, offset: Int = 0, payloads: Bool,
    in db: Database
  ) throws -> [StoredPoint] {
    var arguments: [(any DatabaseValueConvertible)?] = []
    var conditions = ["died IS NULL"]
    if let after {
      conditions.append("key > ?")
      arguments.append(try storableKey(after))
    }
    if let filter { conditions.append(try sql(filter, &arguments)) }
    return try answering(filter, arguments, in: db) {
      try Row.fetchAll(
        db,
        sql: """
          SELECT row, key\(payloads ? ", payload" : "") FROM \(table) WHERE \(conditions.joined(separator: " AND "))
          ORDER BY key LIMIT ? OFFSET ?
          """, arguments: StatementArguments(arguments + [limit, offset]))
    }.map { row in
      StoredPoint(row: row[0], id: id(row, at: 1), payload: payloads ? row[2] : nil)
    }
  }

  /// - Complexity: as for the points themselves.
  package func liveCount(matching filter: PointFilter, in db: Database) throws -> Int {
    var arguments: [(any DatabaseValueConvertible)?] = []
    let condition = try sql(filter, &arguments)
    return try answering(filter, arguments, in: db) {
      try Int.fetchOne(
        db, sql: "SELECT count(*) FROM \(table) WHERE died IS NULL AND \(condition)",
        arguments: StatementArguments(arguments)) ?? 0
    }
  }

  /// A condition that is 0 or 1, never NULL, so that NOT turns it round.
  func sql(
    _ filter: PointFilter, _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    switch filter {
    case .values(let path, let condition): return try sql(path, condition, in: "payload", &arguments)
    case .elements(let path, let part): return try sql(path, part, in: "payload", &arguments)
    case .atLeast(let count, let parts):
      let sum = try join(parts, "+", empty: "0", &arguments)
      arguments.append(count)
      return "(\(sum) >= ?\(arguments.count))"
    case .slice(let index, let count):
      arguments += [Int64(bitPattern: count), Int64(bitPattern: index)]
      return "(moult_slice(key, ?\(arguments.count - 1)) = ?\(arguments.count))"
    case .sample(let share, let seed):
      // An odd factor and a summand put the 2³¹ values of the hash in another order; products stay below 2⁶².
      let modulus = Int64(1) << 31
      let factor = Int64(seed >> 33) | 1
      arguments += [modulus, factor, Int64(seed & 0x7FFF_FFFF), modulus - 1, share * Double(modulus)]
      let last = arguments.count
      return
        "(((moult_slice(key, ?\(last - 4)) * ?\(last - 3) + ?\(last - 2)) & ?\(last - 1)) < ?\(last))"
    case .hasVector(let field):
      arguments.append(field.text)
      return "moult_has_vector(?\(arguments.count), row)"
    case .ids(let ids):
      // An id of the other kind is no point's.
      switch keyKind {
      case .int64:
        arguments.append(
          try Self.json(ids.compactMap { if case .int64(let number) = $0 { number } else { nil } }))
      case .string:
        arguments.append(
          try Self.json(
            ids.compactMap { if case .string(let text) = $0, !text.utf8.contains(0) { text } else { nil } }))
      case .mixed:
        arguments.append(
          try Self.json(
            ids.map { id -> PointFilter.Scalar in
              switch id {
              case .int64(let number): .int(number)
              case .string(let text): .string(text)
              }
            }.filter { !$0.hasNUL }))
      }
      return "key IN (SELECT value FROM json_each(?))"
    case .idsBetween(let lower, let upper):
      var parts = ["1"]
      for (bound, sign) in [(lower, ">"), (upper, "<")] {
        guard let bound else { continue }
        arguments.append(try storableKey(bound.id))
        parts.append("key \(sign)\(bound.isInclusive ? "=" : "") ?")
      }
      return "(" + parts.joined(separator: " AND ") + ")"
    case .idsBetweenAfter(let steps, let lower, let upper):
      let (value, parts) = try Self.computed(steps, of: "key", [])
      // A division by zero has no result, whatever the bounds.
      arguments += parts
      return "(typeof(key) = 'integer' AND \(value) IS NOT NULL"
        + bounds(lower, upper, value, parts, &arguments) + ")"
    case .all(let parts): return try join(parts, "AND", empty: "1", &arguments)
    case .any(let parts): return try join(parts, "OR", empty: "0", &arguments)
    case .not(let part): return "NOT \(try sql(part, &arguments))"
    case .field(let path, let comparison):
      return try sql(
        Self.jsonPath(path.names), comparison, in: Self.document(of: path), &arguments)
    case .fields(let left, let relation, let right): return try sql(left, relation, right, &arguments)
    }
  }

  /// What JSON calls of one type, SQLite calls by two names; nothing else compares.
  private func sql(
    _ left: FieldPath, _ relation: PointFilter.Relation, _ right: FieldPath,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    let paths = [try Self.jsonPath(left.names), try Self.jsonPath(right.names)]
    let (one, other) = (try Self.document(of: left), try Self.document(of: right))
    var kinds: [String] = []
    for types in ["'integer', 'real'", "'text'", "'true', 'false'"] {
      kinds.append("(json_type(\(one), ?) IN (\(types)) AND json_type(\(other), ?) IN (\(types)))")
      arguments += paths
    }
    arguments += paths
    return """
      (coalesce(\(kinds.joined(separator: " OR ")), 0) \
      AND coalesce(json_extract(\(one), ?) \(relation.rawValue) json_extract(\(other), ?), 0))
      """
  }

  /// The payload as a path sees it: with the value that stands in place of a member that is missing. It has no arguments.
  static func document(of path: FieldPath) throws -> String {
    guard let value = path.whenMissing, path.names.count == 1 else { return "payload" }
    let place = literal(try jsonPath(path.names))
    // The check of the path leaves no name that JSON would write in another way.
    let document = literal("{\"\(path.names[0])\":\(value)}")
    return "CASE WHEN json_type(payload, \(place)) IS NULL THEN \(document) ELSE payload END"
  }

  private static func literal(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
  }

  private func join(
    _ parts: [PointFilter], _ word: String, empty: String,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    // In brackets: NOT binds weaker than "+".
    guard parts.count > 1 else { return try parts.first.map { "(\(try sql($0, &arguments)))" } ?? empty }
    // As a balanced tree: SQLite bounds how deep an expression is.
    let middle = parts.count / 2
    let left = try join(Array(parts[..<middle]), word, empty: empty, &arguments)
    return "(\(left) \(word) \(try join(Array(parts[middle...]), word, empty: empty, &arguments)))"
  }

  private func sql(
    _ path: String, _ comparison: PointFilter.Comparison, in document: String,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    switch comparison {
    case .exists:
      arguments.append(path)
      return "(json_type(\(document), ?) IS NOT NULL)"
    case .isBetween(let lower, let upper):
      arguments.append(path)
      var parts = ["coalesce(json_type(\(document), ?) IN ('integer', 'real'), 0)"]
      for (bound, sign) in [(lower, ">"), (upper, "<")] {
        guard let bound else { continue }
        arguments += [path, bound.value]
        parts.append("coalesce(json_extract(\(document), ?) \(sign)\(bound.isInclusive ? "=" : "") ?, 0)")
      }
      return "(" + parts.joined(separator: " AND ") + ")"
    case .isTextBetween(let lower, let upper):
      arguments.append(path)
      var parts = ["coalesce(json_type(\(document), ?) = 'text', 0)"]
      for (bound, sign) in [(lower, ">"), (upper, "<")] {
        guard let bound else { continue }
        arguments += [path, bound.text]
        parts.append("coalesce(json_extract(\(document), ?) \(sign)\(bound.isInclusive ? "=" : "") ?, 0)")
      }
      return "(" + parts.joined(separator: " AND ") + ")"
    case .matches(let glob):
      arguments += [path, path, glob]
      return
        "(coalesce(json_type(\(document), ?) = 'text', 0) AND coalesce(json_extract(\(document), ?) GLOB ?, 0))"
    case .hasTerms(let match):
      arguments += [path, TermMatchArgument(match), path]
      return """
        (coalesce(json_type(\(document), ?) = 'text', 0) AND \(TermMatchArgument.sqlName)(?, json_extract(\(document), ?)))
        """
    case .isOneOf(let values): return try sql(path, oneOf: values, in: document, &arguments)
    case .containsAny(let values):
      guard let list = try Self.json(values.filter { !$0.hasNUL }) else { return "0" }
      arguments += [path, path, list]
      return """
        (coalesce(json_type(\(document), ?) = 'array', 0) AND EXISTS (
          SELECT 1 FROM json_each(\(document), ?) AS had, json_each(?) AS wanted WHERE \(Self.isSame)))
        """
    case .containsAll(let values):
      guard !values.contains(where: \.hasNUL), let list = try Self.json(values) else { return "0" }
      arguments += [path, list, path]
      return """
        (coalesce(json_type(\(document), ?) = 'array', 0) AND NOT EXISTS (
          SELECT 1 FROM json_each(?) AS wanted WHERE NOT EXISTS (
            SELECT 1 FROM json_each(\(document), ?) AS had WHERE \(Self.isSame))))
        """
    case .hasCount(let lower, let upper):
      arguments.append(path)
      return "(coalesce(json_type(\(document), ?) = 'array', 0)"
        + bounds(lower, upper, "json_array_length(\(document), ?)", [path], &arguments) + ")"
    case .element(let place, let comparison):
      return try sql("\(path)[\(place)]", comparison, in: document, &arguments)
    case .isBetweenAfter(let steps, let lower, let upper):
      arguments.append(path)
      let (value, parts) = try Self.computed(steps, of: "json_extract(\(document), ?)", [path])
      // A division by zero has no result, whatever the bounds.
      arguments += parts
      return "(coalesce(json_type(\(document), ?) IN ('integer', 'real'), 0) AND \(value) IS NOT NULL"
        + bounds(lower, upper, value, parts, &arguments) + ")"
    }
  }

  /// A value after arithmetic, in SQL, with its arguments.
  private static func computed(
    _ steps: [PointFilter.Arithmetic], of value: String, _ arguments: [(any DatabaseValueConvertible)?]
  ) throws -> (value: String, arguments: [(any DatabaseValueConvertible)?]) {
    guard steps.count <= PointFilter.arithmeticStepsMax else {
      throw MoultError(
        .invalidArgument,
        "at most \(PointFilter.arithmeticStepsMax) steps of arithmetic are taken, got \(steps.count)")
    }
    var (value, arguments) = (value, arguments)
    for step in steps {
      value = "(\(value) \(step.sign.rawValue) ?)"
      switch step.number {
      case .int(let number): arguments.append(number)
      case .double(let number): arguments.append(number)
      case .string, .bool, .null:
        throw MoultError(.invalidArgument, "arithmetic takes numbers, got \(step.number)")
      }
    }
    return (value, arguments)
  }

  /// Elements of arrays are the same when their types and values are; integers and reals are of one type.
  private static let isSame = """
    had.atom IS wanted.atom AND (had.type = wanted.type
      OR had.type IN ('integer', 'real') AND wanted.type IN ('integer', 'real'))
    """

  /// ` AND …` for each bound that binds.
  private func bounds(
    _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?, _ value: String,
    _ parts: [(any DatabaseValueConvertible)?], _ arguments: inout [(any DatabaseValueConvertible)?]
  ) -> String {
    var text = ""
    for (bound, sign) in [(lower, ">"), (upper, "<")] {
      guard let bound else { continue }
      arguments += parts + [bound.value]
      text += " AND coalesce(\(value) \(sign)\(bound.isInclusive ? "=" : "") ?, 0)"
    }
    return text
  }

  /// Strings and numbers each as one list, however many there are: a chain of OR would be too deep for SQLite.
  private func sql(
    _ path: String, oneOf values: [PointFilter.Scalar], in document: String,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    var parts: [String] = []
    func list(_ types: String, _ json: String) {
      arguments += [path, path, json]
      parts.append(
        "(coalesce(json_type(\(document), ?) IN (\(types)), 0) "
          + "AND coalesce(json_extract(\(document), ?) IN (SELECT value FROM json_each(?)), 0))")
    }
    // SQLite's text ends at a NUL; no stored text holds one.
    let texts = values.compactMap {
      if case .string(let text) = $0, !text.utf8.contains(0) { text } else { nil }
    }
    if !texts.isEmpty { list("'text'", try Self.json(texts)) }
    let integers = values.compactMap { if case .int(let number) = $0 { number } else { nil } }
    if !integers.isEmpty { list("'integer', 'real'", try Self.json(integers)) }
    let reals = values.compactMap { if case .double(let number) = $0 { number } else { nil } }
    if !reals.isEmpty { list("'integer', 'real'", try Self.json(reals)) }
    for word in [
      values.contains(.bool(true)) ? "true" : nil, values.contains(.bool(false)) ? "false" : nil,
      values.contains(.null) ? "null" : nil,
    ].compactMap(\.self) {
      arguments.append(path)
      parts.append("coalesce(json_type(\(document), ?) = '\(word)', 0)")
    }
    return parts.isEmpty ? "0" : "(" + parts.joined(separator: " OR ") + ")"
  }

  /// The path in SQLite's words: `$."name"."name"`.
  static func jsonPath(_ names: [String]) throws -> String {
    guard !names.isEmpty else { throw MoultError(.invalidArgument, "a filter's field needs a name") }
    return try names.reduce("$") { path, name in
      guard !name.isEmpty, !name.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == 0x5C })
      else {
        throw MoultError(
          .invalidArgument,
          "a filter cannot name the field '\(name)': names must not be empty or hold quotes, backslashes or control characters"
        )
      }
      return path + ".\"\(name)\""
    }
  }

  /// `nil` for a number that JSON cannot say.
  static func json(_ values: [PointFilter.Scalar]) throws -> String? {
    guard !values.contains(where: { if case .double(let number) = $0 { !number.isFinite } else { false } })
    else {
      return nil
    }
    return "["
      + (try values.map { value in
        switch value {
        case .string(let text): String(try json([text]).dropFirst().dropLast())
        case .int(let number): String(number)
        case .double(let number): "\(number)"
        case .bool(let bool): bool ? "true" : "false"
        case .null: "null"
        }
      }).joined(separator: ",") + "]"
  }

  private static func json(_ keys: [some Encodable]) throws -> String {
    String(decoding: try JSONEncoder().encode(keys), as: UTF8.self)
  }
}

extension PointFilter.Scalar {
  /// SQLite's text ends at a NUL; no stored text holds one.
  var hasNUL: Bool { if case .string(let text) = self { text.utf8.contains(0) } else { false } }
}

extension PointStore {
  /// A member of the payloads of rows, live or dead; rows without it, or where it is an object or array, are left
  /// out.
  package func values(
    ofField path: FieldPath, rows: some Sequence<Int64>, in db: Database
  ) throws -> [Int64: PointFilter.Scalar] {
    let name = try Self.jsonPath(path.names)
    let document = try Self.document(of: path)
    let statement = try db.cachedStatement(
      sql: "SELECT json_type(\(document), ?), json_extract(\(document), ?) FROM \(table) WHERE row = ?")
    var values: [Int64: PointFilter.Scalar] = [:]
    for row in rows {
      guard let found = try Row.fetchOne(statement, arguments: [name, name, row]) else { continue }
      switch found[0] as String? {
      case "text": values[row] = .string(found[1])
      case "integer", "real":
        // Beyond 64 bits SQLite calls a number an integer and gives a real.
        switch (found[1] as DatabaseValue).storage {
        case .int64(let number): values[row] = .int(number)
        case .double(let number): values[row] = .double(number)
        default: break
        }
      case "true": values[row] = .bool(true)
      case "false": values[row] = .bool(false)
      case "null": values[row] = .null
      default: break
      }
    }
    return values
  }
}
