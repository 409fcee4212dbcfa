package import GRDB
package import MoultModel

extension PointStore {
  /// Live points that match, at each of the numbers that a path reaches in their payloads; a text that says a time
  /// (``Timestamp``) counts as its microseconds. Points of equal values come by key, points without one not at all.
  ///
  /// - Parameter from: values before it, in the order, are left out.
  /// - Complexity: reads the payloads of all live points.
  package func live(
    matching filter: PointFilter?, orderedBy path: ValuePath, descending: Bool, from: Double?, limit: Int,
    payloads: Bool, in db: Database
  ) throws -> [(point: StoredPoint, value: PointFilter.Scalar)] {
    var arguments: SQLArguments = []
    let condition = try filter.map { " AND \(try sql($0, &arguments))" } ?? ""
    let reach = try ValueReach(path, in: "payload", &arguments)
    func number(_ type: String, _ content: String) -> String {
      "CASE WHEN \(type) IN ('integer', 'real') THEN \(content) WHEN \(type) = 'text' THEN moult_time(\(content)) END"
    }
    // A value that is no array stands beside one element that is not looked at.
    let array = "CASE \(reach.value.type) WHEN 'array' THEN \(reach.value.content) ELSE '[0]' END"
    let value = """
      CASE \(reach.value.type) WHEN 'array' THEN \(number("element.type", "element.value")) \
      ELSE \(number(reach.value.type, reach.value.content)) END
      """
    let tables = ["live"] + reach.tables + ["json_each(\(array)) AS element"]
    var bound = ""
    if let from {
      arguments.append(from)
      bound = " AND number \(descending ? "<=" : ">=") ?\(arguments.count)"
    }
    arguments.append(limit)
    let rows = try answering(filter, arguments, in: db) {
      try Row.fetchAll(
        db,
        sql: """
          WITH live AS (
            SELECT row AS point, key AS name, payload FROM \(table) WHERE died IS NULL\(condition)
          ), numbered AS (
            SELECT point, name, \(value) AS number FROM \(tables.joined(separator: ", "))
            WHERE \((reach.conditions + ["1"]).joined(separator: " AND "))
          )
          SELECT DISTINCT point, name, number FROM numbered WHERE number IS NOT NULL\(bound)
          ORDER BY number \(descending ? "DESC" : "ASC"), name LIMIT ?\(arguments.count)
          """, arguments: StatementArguments(arguments))
    }
    let stored = try points(rows: Set(rows.map { $0[0] as Int64 }), payloads: payloads, in: db)
    return rows.compactMap { row in
      stored[row[0]].map { point in
        if case .int64(let number) = (row[2] as DatabaseValue).storage { return (point, .int(number)) }
        return (point, .double(row[2]))
      }
    }
  }

  /// Live points that match, chosen at random.
  ///
  /// - Complexity: as for the filter, or O(live points).
  package func sample(
    matching filter: PointFilter?, limit: Int, payloads: Bool, in db: Database
  ) throws -> [StoredPoint] {
    var arguments: SQLArguments = []
    var condition = "died IS NULL"
    if let filter { condition += " AND \(try sql(filter, &arguments))" }
    let rows = try answering(filter, arguments, in: db) {
      try Int64.fetchAll(
        db, sql: "SELECT row FROM \(table) WHERE \(condition) ORDER BY random() LIMIT ?",
        arguments: StatementArguments(arguments + [limit]))
    }
    let stored = try points(rows: rows, payloads: payloads, in: db)
    return rows.compactMap { stored[$0] }
  }
}
