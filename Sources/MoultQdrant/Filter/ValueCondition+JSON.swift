internal import MoultModel
internal import MoultServer

extension ValueCondition {
  static func match(_ json: JSON, at path: String) throws(QdrantError) -> ValueCondition {
    let unknown = QdrantError.format(
      "\(path): expected one of `value`, `any`, `except`, `text`, `text_any`, `phrase`, `prefix`, `substring`"
    )
    guard let members = json.object?.members.filter({ $0.value != .null }), members.count == 1,
      let member = members.first
    else { throw unknown }
    let place = "\(path).\(member.key)"
    func text() throws(QdrantError) -> String {
      guard let text = member.value.string else {
        throw .format("\(place): expected a string, got \(member.value.kind)")
      }
      return text
    }
    switch member.key {
    case "value":
      switch member.value {
      case .string(let text): return .isOneOf([.string(text)])
      case .int(let number): return .isOneOf([.int(number)])
      case .bool(let bool): return .isOneOf([.bool(bool)])
      default: throw .format("\(place): expected a string, an integer or a boolean, got \(member.value.kind)")
      }
    case "any": return .isOneOf(try scalars(member.value, at: place))
    case "except": return .isNoneOf(try scalars(member.value, at: place))
    case "text": return .hasWords(WordMatch(try text(), .all))
    case "text_any": return .hasWords(WordMatch(try text(), .any))
    case "phrase": return .hasWords(WordMatch(try text(), .phrase))
    case "prefix": return .hasPrefix(ExactText(try text()))
    case "substring": return .hasSubstring(ExactText(try text()))
    default: throw unknown
    }
  }

  /// Strings, or integers.
  private static func scalars(_ json: JSON, at path: String) throws(QdrantError) -> [PointFilter.Scalar] {
    let values = (json.array ?? [.null]).map { value -> PointFilter.Scalar in
      switch value {
      case .string(let text): .string(text)
      case .int(let number): .int(number)
      default: .null
      }
    }
    let areTexts = values.allSatisfy { if case .string = $0 { true } else { false } }
    let areIntegers = values.allSatisfy { if case .int = $0 { true } else { false } }
    guard areTexts || areIntegers else {
      throw .format("\(path): expected a list of strings, or a list of integers")
    }
    return values
  }

  /// Of numbers, or of texts that say times.
  static func range(_ json: JSON, at path: String) throws(QdrantError) -> ValueCondition {
    let bounds = try RangeBounds(json, at: path)
    guard bounds.isAboutTimes else { return .isBetween(lower: try bounds.lower, upper: try bounds.upper) }
    return .isTime(in: try bounds.times)
  }
}

/// `gt`, `gte`, `lt` and `lte`.
struct RangeBounds {
  private var bounds: [String: JSON] = [:]
  private let path: String

  init(_ json: JSON, at path: String) throws(QdrantError) {
    guard let object = json.object else { throw .format("\(path): expected a range, got \(json.kind)") }
    self.path = path
    for member in object.members where member.value != .null {
      guard ["gt", "gte", "lt", "lte"].contains(member.key) else {
        throw .format("\(path): unknown field `\(member.key)`, expected one of `lt`, `gt`, `gte`, `lte`")
      }
      bounds[member.key] = member.value
    }
  }

  var isAboutTimes: Bool { bounds.values.contains { $0.string != nil } }

  private func number(_ key: String) throws(QdrantError) -> Double? {
    guard let bound = bounds[key] else { return nil }
    guard let number = bound.double else {
      throw .format("\(path).\(key): expected a number, got \(bound.kind)")
    }
    return number
  }

  /// The tighter one of both kinds.
  var lower: PointFilter.Bound? {
    get throws(QdrantError) {
      switch (try number("gt"), try number("gte")) {
      case (let open?, let closed?):
        .init(max(open, closed), isInclusive: closed > open)
      case (let open?, nil): .init(open, isInclusive: false)
      case (nil, let closed?): .init(closed, isInclusive: true)
      case (nil, nil): nil
      }
    }
  }

  var upper: PointFilter.Bound? {
    get throws(QdrantError) {
      switch (try number("lt"), try number("lte")) {
      case (let open?, let closed?):
        .init(min(open, closed), isInclusive: closed < open)
      case (let open?, nil): .init(open, isInclusive: false)
      case (nil, let closed?): .init(closed, isInclusive: true)
      case (nil, nil): nil
      }
    }
  }

  private func time(_ key: String) throws(QdrantError) -> Int64? {
    guard let bound = bounds[key] else { return nil }
    guard let text = bound.string, let time = Timestamp.microseconds(text) else {
      throw .format("\(path).\(key): expected a date and time such as 2026-01-31T12:00:00Z")
    }
    return time
  }

  /// Microseconds; a range that holds nothing is one before all times.
  var times: ClosedRange<Int64> {
    get throws(QdrantError) {
      let lower = max(try time("gt").map { $0 + 1 } ?? .min, try time("gte") ?? .min)
      let upper = min(try time("lt").map { $0 - 1 } ?? .max, try time("lte") ?? .max)
      return lower <= upper ? lower...upper : .min ... .min
    }
  }
}

extension GeoPoint {
  init(_ json: JSON?, at path: String) throws(QdrantError) {
    guard let latitude = json?["lat"]?.double, let longitude = json?["lon"]?.double else {
      throw .format("\(path): expected a geo point with `lon` and `lat`")
    }
    guard (-90...90).contains(latitude), (-180...180).contains(longitude) else {
      throw .format(
        "\(path): Wrong format of GeoPoint payload: expected `lat` within [-90;90] and `lon` within [-180;180]"
      )
    }
    self.init(latitude: latitude, longitude: longitude)
  }
}

extension GeoArea {
  /// - Parameter kind: the name of the condition.
  init(_ kind: String, _ json: JSON, at path: String) throws(QdrantError) {
    switch kind {
    case "geo_bounding_box":
      let first = try GeoPoint(json["top_left"], at: "\(path).top_left")
      let last = try GeoPoint(json["bottom_right"], at: "\(path).bottom_right")
      self = .box(
        south: last.latitude, west: first.longitude, north: first.latitude, east: last.longitude)
    case "geo_radius":
      guard let radius = json["radius"]?.double else {
        throw .format("\(path).radius: expected a number of metres")
      }
      self = .circle(try GeoPoint(json["center"], at: "\(path).center"), radius: radius)
    default:
      var holes: [[GeoPoint]] = []
      for (index, ring) in (json["interiors"]?.array ?? []).enumerated() {
        holes.append(try Self.ring(ring, at: "\(path).interiors[\(index)]"))
      }
      self = .polygon(
        GeoPolygon(outline: try Self.ring(json["exterior"], at: "\(path).exterior"), holes: holes))
    }
  }

  private static func ring(_ json: JSON?, at path: String) throws(QdrantError) -> [GeoPoint] {
    guard let list = json?["points"]?.array else { throw .format("\(path): expected `points`, a list") }
    guard list.count <= PointFilter.valueCountMax else {
      throw .validation(
        "[\(path).points: takes at most \(PointFilter.valueCountMax) points, got \(list.count)]")
    }
    var ring: [GeoPoint] = []
    for (index, point) in list.enumerated() {
      ring.append(try GeoPoint(point, at: "\(path).points[\(index)]"))
    }
    guard ring.count >= 4 else {
      throw .validation("[\(path).points: polygon invalid, the size must be at least 4, got \(ring.count)]")
    }
    guard ring.first == ring.last else {
      throw .validation("[\(path).points: polygon invalid, the first and the last points should be the same]")
    }
    return ring
  }
}
