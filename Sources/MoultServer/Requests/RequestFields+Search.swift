internal import MoultModel

/// Conditions on hits in requests of Moult's own API.
extension RequestFields {
  private static let conditions = "'ids', 'field', 'and', 'or', 'not'"

  /// One condition: `{"ids": […]}`, `{"field": name or path, "in"|"equals"|"range"|"exists": …}`, `{"and": […]}`,
  /// `{"or": […]}`, `{"not": {…}}`.
  ///
  /// - Parameter depth: of the conditions around it.
  func pointFilter(depth: Int = 1) throws(MoultError) -> PointFilter {
    guard depth <= PointFilter.depthMax else {
      throw MoultError(
        .invalidArgument, "a filter takes conditions \(PointFilter.depthMax) deep at most, got more")
    }
    if self["field"] != nil { return try fieldCondition() }
    guard object.members.count == 1, let name = object.members.first?.key else {
      throw MoultError(
        .invalidArgument,
        "a condition of the filter: expected one of \(Self.conditions), got \(object.members.count) members")
    }
    switch name {
    case "ids":
      var ids = Set<PointID>()
      guard let list = try array(name) else { throw missing(name, expected: "an array of ids") }
      for (index, json) in list.enumerated() {
        switch json {
        case .int(let number): ids.insert(.int64(number))
        case .string(let text): ids.insert(.string(text))
        default: throw mismatch("ids[\(index)]", expected: "an integer or a string", json)
        }
      }
      return .ids(ids)
    case "and": return .all(try conditions(name, depth: depth))
    case "or": return .any(try conditions(name, depth: depth))
    case "not":
      guard let fields = try fields(name) else { throw missing(name, expected: "a condition") }
      return .not(try fields.pointFilter(depth: depth + 1))
    default: throw failure(String(name.prefix(100)), "is no condition; expected one of \(Self.conditions)")
    }
  }

  private func conditions(_ name: String, depth: Int) throws(MoultError) -> [PointFilter] {
    var parts: [PointFilter] = []
    guard let list = try array(name) else { throw missing(name, expected: "an array of conditions") }
    for (index, json) in list.enumerated() {
      guard case .object(let object) = json else {
        throw mismatch("\(name)[\(index)]", expected: "a condition", json)
      }
      parts.append(try RequestFields(object, path: "filter.\(name)[\(index)].").pointFilter(depth: depth + 1))
    }
    return parts
  }

  private func fieldCondition() throws(MoultError) -> PointFilter {
    try refuseOthers(than: ["field", "in", "equals", "range", "exists"])
    guard object.members.count == 2 else {
      throw failure("field", "expected one of 'in', 'equals', 'range', 'exists' beside it")
    }
    let path = FieldPath(try fieldPath("field"))
    if let json = object.member("equals")?.value {
      return .field(path, .isOneOf([try scalar("equals", json)]))
    }
    if let values = try array("in") {
      var scalars: [PointFilter.Scalar] = []
      for (index, json) in values.enumerated() { scalars.append(try scalar("in[\(index)]", json)) }
      return .field(path, .isOneOf(scalars))
    }
    if let range = try fields("range") {
      let (lower, upper) = try range.bounds()
      return .field(
        path,
        .isBetween(
          lower: lower.map { .init($0.value, isInclusive: $0.isInclusive) },
          upper: upper.map { .init($0.value, isInclusive: $0.isInclusive) }))
    }
    guard let exists = try bool("exists") else {
      throw failure("field", "expected one of 'in', 'equals', 'range', 'exists' beside it")
    }
    return exists ? .field(path, .exists) : .not(.field(path, .exists))
  }

  /// A name, or an array of names from the outermost member inwards.
  private func fieldPath(_ name: String) throws(MoultError) -> [String] {
    switch self[name] {
    case .string(let text): return [text]
    case .array(let names):
      let path = names.compactMap(\.string)
      guard path.count == names.count, !path.isEmpty else {
        throw failure(name, "expected a name or an array of names")
      }
      return path
    case let other?: throw mismatch(name, expected: "a name or an array of names", other)
    case nil: throw missing(name, expected: "a name or an array of names")
    }
  }

  private func scalar(_ name: String, _ json: JSON) throws(MoultError) -> PointFilter.Scalar {
    switch json {
    case .null: return .null
    case .bool(let bool): return .bool(bool)
    case .int(let number): return .int(number)
    case .double(let number): return .double(number)
    case .string(let text): return .string(text)
    case .large, .array, .object, .floats:
      throw mismatch(name, expected: "a string, a number, true, false or null", json)
    }
  }

  private typealias Bound = (value: Double, isInclusive: Bool)

  private func bounds() throws(MoultError) -> (lower: Bound?, upper: Bound?) {
    try refuseOthers(than: ["gt", "gte", "lt", "lte"])
    func one(_ open: String, _ closed: String) throws(MoultError) -> Bound? {
      let (exclusive, inclusive) = (try double(open), try double(closed))
      if exclusive != nil && inclusive != nil {
        throw failure(open, "and '\(closed)' exclude each other; give one of the two")
      }
      return exclusive.map { ($0, false) } ?? inclusive.map { ($0, true) }
    }
    return (try one("gt", "gte"), try one("lt", "lte"))
  }

  /// `{"gt"|"gte": score, "lt"|"lte": score}` in the metric's own sense.
  func searchRange(_ name: String) throws(MoultError) -> SearchRange? {
    guard let fields = try fields(name) else { return nil }
    let (lower, upper) = try fields.bounds()
    return SearchRange(
      lower: lower.map { .init(Float($0.value), isInclusive: $0.isInclusive) },
      upper: upper.map { .init(Float($0.value), isInclusive: $0.isInclusive) })
  }

  /// `{"field": name or path, "size": hits a group}`.
  func searchGrouping(_ name: String) throws(MoultError) -> SearchGrouping? {
    guard let fields = try fields(name) else { return nil }
    try fields.refuseOthers(than: ["field", "size"])
    return SearchGrouping(field: FieldPath(try fields.fieldPath("field")), size: try fields.int("size") ?? 1)
  }
}
