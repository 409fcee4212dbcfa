package import GRDB
package import MoultModel

extension PointStore {
  /// Live points that match, in an order; points that are equal in it come by key.
  ///
  /// - Complexity: reads the payloads of all live points; keeps `limit + offset` of them.
  package func live(
    matching filter: PointFilter?, order: [PointOrder], limit: Int, offset: Int, payloads: Bool,
    in db: Database
  ) throws -> [StoredPoint] {
    var arguments: [(any DatabaseValueConvertible)?] = []
    let condition = try condition(filter, &arguments)
    var keys: [String] = []
    for key in order { keys.append(Self.sql(key, try Self.sql(key.field, &arguments))) }
    // Without payloads, so that what is sorted is small.
    let rows = try answering(filter, arguments, in: db) {
      try Int64.fetchAll(
        db,
        sql: """
          SELECT row FROM \(table) WHERE \(condition) ORDER BY \((keys + ["key"]).joined(separator: ", "))
          LIMIT ? OFFSET ?
          """, arguments: StatementArguments(arguments + [limit, offset]))
    }
    let stored = try points(rows: rows, payloads: payloads, in: db)
    return rows.compactMap { stored[$0] }
  }

  /// Groups of live points that match: for each the values of its fields, then its measures.
  ///
  /// - Throws: `invalidArgument` for a sum beyond 64 bits.
  /// - Complexity: reads the payloads of all live points; sorts on disk what does not fit SQLite's cache.
  package func aggregate(
    _ aggregation: PointAggregation, matching filter: PointFilter?, limit: Int, offset: Int,
    in db: Database
  ) throws -> [[PointFilter.Scalar]] {
    var arguments: [(any DatabaseValueConvertible)?] = []
    var columns: [String] = []
    for field in aggregation.groups { columns.append(try Self.sql(field, &arguments)) }
    for measure in aggregation.measures {
      let value = try measure.field.map { try Self.sql($0, &arguments) } ?? "*"
      columns.append("\(measure.function.rawValue)(\(value))")
    }
    let condition = try condition(filter, &arguments)
    // Columns by their numbers, from 1.
    let groups = aggregation.groups.indices.map { "\($0 + 1)" }
    let keys = try aggregation.order.map { key in
      guard let place = aggregation.groups.firstIndex(of: key.field) else {
        throw MoultError(.invalidArgument, "groups are ordered by what they are groups of")
      }
      return Self.sql(key, groups[place])
    }
    let order = keys + groups
    let sql = """
      SELECT \(columns.joined(separator: ", ")) FROM \(table) WHERE \(condition)
      \(groups.isEmpty ? "" : "GROUP BY \(groups.joined(separator: ", "))")
      \(order.isEmpty ? "" : "ORDER BY \(order.joined(separator: ", "))") LIMIT ? OFFSET ?
      """
    do {
      return try answering(filter, arguments, in: db) {
        try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments + [limit, offset]))
          .map { row in row.databaseValues.map(Self.scalar) }
      }
    } catch let error as DatabaseError where error.message == "integer overflow" {
      throw MoultError(.invalidArgument, "a sum of integers is beyond 64 bits; sum up fewer, or as doubles")
    }
  }

  private func condition(
    _ filter: PointFilter?, _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    guard let filter else { return "died IS NULL" }
    return "died IS NULL AND \(try sql(filter, &arguments))"
  }

  private static func sql(
    _ field: PointField, _ arguments: inout [(any DatabaseValueConvertible)?]
  ) throws -> String {
    switch field {
    case .id: return "key"
    case .payload(let path):
      arguments.append(try jsonPath(path.names))
      return "json_extract(\(try document(of: path)), ?)"
    }
  }

  private static func sql(_ key: PointOrder, _ value: String) -> String {
    "\(value) \(key.isDescending ? "DESC" : "ASC") NULLS \(key.nullsFirst ? "FIRST" : "LAST")"
  }

  private static func scalar(_ value: DatabaseValue) -> PointFilter.Scalar {
    switch value.storage {
    case .int64(let number): .int(number)
    case .double(let number): .double(number)
    case .string(let text): .string(text)
    case .null, .blob: .null
    }
  }
}
