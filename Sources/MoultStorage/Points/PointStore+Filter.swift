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
    return try Int64.fetchAll(
      db, sql: "SELECT row FROM \(table) WHERE row >= ? AND row < ? AND \(condition) ORDER BY row",
      arguments: StatementArguments(arguments))
  }

  /// A condition that is 0 or 1, never NULL, so that NOT turns it round.
  private func sql(
    _ filter: PointFilter, _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    switch filter {
    case .ids(let ids):
      // An id of the other kind is no point's.
      switch keyKind {
      case .int64:
        arguments.append(
          try Self.json(ids.compactMap { if case .int64(let number) = $0 { number } else { nil } }))
      case .string:
        arguments.append(
          try Self.json(ids.compactMap { if case .string(let text) = $0 { text } else { nil } }))
      }
      return "key IN (SELECT value FROM json_each(?))"
    case .all(let parts): return try join(parts, "AND", empty: "1", &arguments)
    case .any(let parts): return try join(parts, "OR", empty: "0", &arguments)
    case .not(let part): return "NOT \(try sql(part, &arguments))"
    case .field(let path, let comparison):
      return try sql(Self.jsonPath(path), comparison, &arguments)
    }
  }

  private func join(
    _ parts: [PointFilter], _ word: String, empty: String,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    if parts.isEmpty { return empty }
    return "(" + (try parts.map { try sql($0, &arguments) }).joined(separator: " \(word) ") + ")"
  }

  private func sql(
    _ path: String, _ comparison: PointFilter.Comparison,
    _ arguments: inout [(any DatabaseValueConvertible)?]
  ) -> String {
    switch comparison {
    case .exists:
      arguments.append(path)
      return "(json_type(payload, ?) IS NOT NULL)"
    case .isBetween(let lower, let upper):
      arguments.append(path)
      var parts = ["coalesce(json_type(payload, ?) IN ('integer', 'real'), 0)"]
      for (bound, sign) in [(lower, ">"), (upper, "<")] {
        guard let bound else { continue }
        arguments += [path, bound.value]
        parts.append("coalesce(json_extract(payload, ?) \(sign)\(bound.isInclusive ? "=" : "") ?, 0)")
      }
      return "(" + parts.joined(separator: " AND ") + ")"
    case .isOneOf(let values):
      if values.isEmpty { return "0" }
      return "(" + values.map { equals($0, path, &arguments) }.joined(separator: " OR ") + ")"
    }
  }

  private func equals(
    _ value: PointFilter.Scalar, _ path: String, _ arguments: inout [(any DatabaseValueConvertible)?]
  ) -> String {
    func typed(_ types: String, _ other: (any DatabaseValueConvertible)?) -> String {
      arguments += [path, path, other]
      return
        "(coalesce(json_type(payload, ?) IN (\(types)), 0) AND coalesce(json_extract(payload, ?) = ?, 0))"
    }
    switch value {
    case .string(let text): return typed("'text'", text)
    case .int(let number): return typed("'integer', 'real'", number)
    case .double(let number): return typed("'integer', 'real'", number)
    case .bool(let bool):
      arguments.append(path)
      return "coalesce(json_type(payload, ?) = '\(bool)', 0)"
    case .null:
      arguments.append(path)
      return "coalesce(json_type(payload, ?) = 'null', 0)"
    }
  }

  /// The path in SQLite's words: `$."name"."name"`.
  private static func jsonPath(_ names: [String]) throws -> String {
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

  private static func json(_ keys: [some Encodable]) throws -> String {
    String(decoding: try JSONEncoder().encode(keys), as: UTF8.self)
  }
}

extension PointStore {
  /// A member of the payloads of rows, live or dead; rows without it, or where it is an object or array, are left
  /// out.
  package func values(
    ofField path: [String], rows: some Sequence<Int64>, in db: Database
  ) throws -> [Int64: PointFilter.Scalar] {
    let name = try Self.jsonPath(path)
    let statement = try db.cachedStatement(
      sql: "SELECT json_type(payload, ?), json_extract(payload, ?) FROM \(table) WHERE row = ?")
    var values: [Int64: PointFilter.Scalar] = [:]
    for row in rows {
      guard let found = try Row.fetchOne(statement, arguments: [name, name, row]) else { continue }
      switch found[0] as String? {
      case "text": values[row] = .string(found[1])
      case "integer": values[row] = .int(found[1])
      case "real": values[row] = .double(found[1])
      case "true": values[row] = .bool(true)
      case "false": values[row] = .bool(false)
      case "null": values[row] = .null
      default: break
      }
    }
    return values
  }
}
