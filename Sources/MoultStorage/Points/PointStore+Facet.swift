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
    var arguments: SQLArguments = []
    let condition = try filter.map { " AND \(try sql($0, &arguments))" } ?? ""
    let steps = segments.map { $0.names.map { ValuePath.Step.name(ExactText($0)) } }.joined(separator: [.each]
    )
    let reach = try ValueReach(ValuePath(Array(steps)), in: "payload", &arguments)
    // A value that is no array stands beside one element that is not looked at.
    let array = "CASE \(reach.value.type) WHEN 'array' THEN \(reach.value.content) ELSE '[0]' END"
    func own(_ element: String, _ value: String) -> String {
      "CASE \(reach.value.type) WHEN 'array' THEN \(element) ELSE \(value) END"
    }
    let tables = ["live"] + reach.tables + ["json_each(\(array)) AS element"]
    arguments.append(limit)
    let rows = try answering(filter, arguments, in: db) {
      try Row.fetchAll(
        db,
        sql: """
          WITH live AS (
            SELECT row AS point, payload FROM \(table) WHERE died IS NULL\(condition)
          ), found AS (
            SELECT point, \(own("element.type", reach.value.type)) AS kind,
              \(own("element.value", reach.value.content)) AS content
            FROM \(tables.joined(separator: ", ")) WHERE \((reach.conditions + ["1"]).joined(separator: " AND "))
          )
          SELECT kind, content, count(DISTINCT point) FROM found WHERE kind IN ('text', 'integer', 'true', 'false')
          GROUP BY 1, 2 ORDER BY 3 DESC, kind = 'text', 2 LIMIT ?\(arguments.count)
          """, arguments: StatementArguments(arguments))
    }
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
