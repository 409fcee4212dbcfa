internal import MoultModel
internal import MoultServer

extension QdrantFilter {
  /// - Throws: 400 for another shape, 422 for values out of range.
  init(_ json: JSON, at path: String) throws(QdrantError) {
    guard let object = json.object else { throw .format("\(path): expected a filter, got \(json.kind)") }
    for member in object.members where member.value != .null {
      let place = "\(path).\(member.key)"
      switch member.key {
      case "must": must = try Self.conditions(member.value, at: place)
      case "should": should = try Self.conditions(member.value, at: place)
      case "must_not": mustNot = try Self.conditions(member.value, at: place)
      case "min_should":
        guard let conditions = member.value["conditions"], let count = member.value["min_count"]?.int else {
          throw .format("\(place): expected `conditions` and `min_count`")
        }
        guard (1...Int64(Int32.max)).contains(count) else {
          throw .validation(
            "[\(place).min_count: min_count value \(count) is invalid. Must be 1 or larger.]")
        }
        minShould = MinShould(
          conditions: try Self.conditions(conditions, at: "\(place).conditions"), count: Int(count))
      default:
        throw .format(
          "\(path): unknown field `\(member.key)`, expected one of `should`, `min_should`, `must`, `must_not`"
        )
      }
    }
  }

  /// One condition, or a list.
  private static func conditions(_ json: JSON, at path: String) throws(QdrantError) -> [Condition] {
    guard let list = json.array else { return [try condition(json, at: path)] }
    var conditions: [Condition] = []
    for (index, json) in list.enumerated() {
      conditions.append(try condition(json, at: "\(path)[\(index)]"))
    }
    return conditions
  }

  /// Members that only one kind of condition has.
  private static let marks = ["key", "is_empty", "is_null", "has_id", "has_vector", "nested", "slice"]

  /// Whether JSON is meant as a condition: for formulas, in which conditions stand beside other expressions.
  static func isCondition(_ object: JSONObject) -> Bool {
    object.members.contains {
      marks.contains($0.key) || ["must", "should", "must_not", "min_should"].contains($0.key)
    }
  }

  static func condition(_ json: JSON, at path: String) throws(QdrantError) -> Condition {
    guard let object = json.object else { throw .format("\(path): expected a condition, got \(json.kind)") }
    guard let mark = marks.first(where: { object[$0] != nil }), let value = object[mark] else {
      return .filter(try QdrantFilter(json, at: path))
    }
    switch mark {
    case "key": return .field(try Self.path(object["key"], at: "\(path).key"), try tests(object, at: path))
    case "is_empty", "is_null":
      let key = try Self.path(value["key"], at: "\(path).\(mark).key")
      return .field(key, [mark == "is_empty" ? .isEmpty(true) : .isNull(true)])
    case "has_id":
      guard let list = value.array else {
        throw .format("\(path).has_id: expected a list, got \(value.kind)")
      }
      var ids: Set<PointID> = []
      for (index, id) in list.enumerated() {
        ids.insert(try QdrantPointID.read(id, at: "\(path).has_id[\(index)]"))
      }
      return .hasID(ids)
    case "has_vector":
      guard let name = value.string else {
        throw .format("\(path).has_vector: expected a vector name, got \(value.kind)")
      }
      return .hasVector(name)
    case "nested":
      guard let filter = value["filter"] else { throw .format("\(path).nested: expected `key` and `filter`") }
      return .nested(
        try Self.path(value["key"], at: "\(path).nested.key"),
        try QdrantFilter(filter, at: "\(path).nested.filter"))
    default:
      guard let total = value["total"]?.unsigned, let index = value["index"]?.unsigned else {
        throw .format("\(path).slice: expected `total` and `index`, integers of at least 0")
      }
      guard total >= 1 else { throw .validation("[\(path).slice.total: must be 1 or larger, got \(total)]") }
      guard index < total else {
        throw .validation("[\(path).slice.index: must be in [0;\(total - 1)], got \(index)]")
      }
      return .slice(index: index, total: total)
    }
  }

  private static func path(_ json: JSON?, at path: String) throws(QdrantError) -> QdrantPath {
    guard let text = json?.string else { throw .format("\(path): expected a payload key") }
    return try QdrantPath.read(text, at: path)
  }

  private static func tests(_ object: JSONObject, at path: String) throws(QdrantError) -> [FieldTest] {
    var tests: [FieldTest] = []
    for member in object.members where member.value != .null {
      let place = "\(path).\(member.key)"
      switch member.key {
      case "match": tests.append(.values(try .match(member.value, at: place)))
      case "range": tests.append(.values(try .range(member.value, at: place)))
      case "geo_bounding_box", "geo_radius", "geo_polygon":
        tests.append(.values(.isPlace(in: try GeoArea(member.key, member.value, at: place))))
      case "values_count":
        let bounds = try RangeBounds(member.value, at: place)
        tests.append(.values(.hasCount(lower: try bounds.lower, upper: try bounds.upper)))
      case "is_empty", "is_null":
        guard let isWanted = member.value.bool else {
          throw .format("\(place): expected a boolean, got \(member.value.kind)")
        }
        tests.append(member.key == "is_empty" ? .isEmpty(isWanted) : .isNull(isWanted))
      default: break
      }
    }
    guard !tests.isEmpty else {
      throw .validation("[\(path): At least one field condition must be specified]")
    }
    return tests
  }
}

extension JSON {
  /// An integer without sign.
  var unsigned: UInt64? {
    switch self {
    case .int(let number): UInt64(exactly: number)
    case .large(let number): number
    default: nil
    }
  }
}
