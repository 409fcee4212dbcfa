package import GRDB
package import MoultModel

extension PointStore {
  /// How many live points that match have each text, integer or truth value at a place in their payload, or among the
  /// elements of an array there; most first, then by value.
  ///
  /// - Parameter segments: from the outermost object inwards; each that follows begins in every element of the array to
  ///   which those before it lead.
  /// - Complexity: reads the payloads of all live points.
  package func facet(
    _ segments: [FieldPath], matching filter: PointFilter?, limit: Int, in db: Database
  ) throws -> [(value: PointFilter.Scalar, count: Int)] {
    precondition(!segments.isEmpty && !segments[0].names.isEmpty, "a place has a name")
    var tables = [table]
    var arguments: [(any DatabaseValueConvertible)?] = []
    var conditions = ["died IS NULL"]
    var conditionArguments: [(any DatabaseValueConvertible)?] = []
    var source = "\(table).payload"
    for (place, segment) in segments.enumerated() {
      let isLast = place == segments.count - 1
      // The elements themselves are what is counted.
      if isLast, segment.names.isEmpty { break }
      let path = segment.names.isEmpty ? "$" : try Self.jsonPath(segment.names)
      tables.append("json_each(\(source), ?) AS e\(place)")
      arguments.append(path)
      // `json_each` would walk over the members of an object.
      conditions.append(
        isLast
          ? "coalesce(json_type(\(source), ?), '') <> 'object'"
          : "coalesce(json_type(\(source), ?), '') = 'array'")
      conditionArguments.append(path)
      // What is no JSON text must not be read as one.
      source = "CASE WHEN e\(place).type IN ('object', 'array') THEN e\(place).value END"
    }
    let last = "e\(tables.count - 2)"
    conditions.append("\(last).type IN ('text', 'integer', 'true', 'false')")
    if let filter {
      // `json_each` has a column `key` too.
      let matching = try sql(filter, &conditionArguments)
      conditions.append("\(table).row IN (SELECT row FROM \(table) WHERE died IS NULL AND \(matching))")
    }
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT \(last).type, \(last).atom, count(DISTINCT \(table).row) FROM \(tables.joined(separator: ", "))
        WHERE \(conditions.joined(separator: " AND "))
        GROUP BY 1, 2 ORDER BY 3 DESC, \(last).type = 'text', 2 LIMIT ?
        """, arguments: StatementArguments(arguments + conditionArguments + [limit]))
    return rows.map { row in
      let value: PointFilter.Scalar =
        switch row[0] as String {
        case "true": .bool(true)
        case "false": .bool(false)
        case "integer":
          if case .int64(let number) = (row[1] as DatabaseValue).storage {
            .int(number)
          } else {
            .double(row[1])
          }
        default: .string(row[1])
        }
      return (value, row[2])
    }
  }
}
