internal import MoultModel
internal import MoultServer

extension QdrantFormula {
  /// `formula` and `defaults`.
  init(_ fields: QdrantFields) throws(QdrantError) {
    var reading = Reading()
    defaults = [:]
    expression = try Self.expression(
      try fields.required("formula", fields["formula"]), at: fields.place("formula"), &reading)
    conditions = reading.conditions
    for member in try fields.fields("defaults")?.object.members ?? [] where member.value != .null {
      let key = try Self.scoreIndex(member.key).map { "$score[\($0)]" } ?? member.key
      defaults[key] = member.value
    }
  }

  private static let conditionCountMax = 100
  /// Operations, numbers, variables and conditions at most: all are worked out for every point.
  private static let partCountMax = 1_000

  /// What has been read of a formula so far.
  private struct Reading {
    var conditions: [QdrantFilter.Condition] = []
    var partCount = 0
  }

  private static func expression(
    _ json: JSON, at path: String, _ reading: inout Reading
  ) throws(QdrantError) -> Expression {
    reading.partCount += 1
    guard reading.partCount <= partCountMax else {
      throw .badRequest("\(path): a formula takes \(partCountMax) operations and operands at most, got more")
    }
    if let number = json.double { return .number(number) }
    let wrong = QdrantError.format(
      "\(path): expected a number, a variable, a condition or one operation, got \(json.kind)")
    switch json {
    case .string(let text):
      if let index = try scoreIndex(text) { return .score(index) }
      return .member(try member(text, at: path))
    case .object(let object):
      if QdrantFilter.isCondition(object) {
        guard reading.conditions.count < conditionCountMax else {
          throw .badRequest("\(path): a formula takes \(conditionCountMax) conditions at most")
        }
        reading.conditions.append(try QdrantFilter.condition(json, at: path))
        return .condition(reading.conditions.count - 1)
      }
      guard object.members.count == 1, let member = object.members.first else { throw wrong }
      return try operation(member.key, member.value, at: "\(path).\(member.key)", &reading)
    default: throw wrong
    }
  }

  private static func operation(
    _ name: String, _ json: JSON, at path: String, _ reading: inout Reading
  ) throws(QdrantError) -> Expression {
    switch name {
    case "mult": return .multiply(try list(json, at: path, &reading))
    case "sum": return .sum(try list(json, at: path, &reading))
    case "max", "min":
      let parts = try list(json, at: path, &reading)
      guard !parts.isEmpty else { throw .badRequest("`\(name)` needs at least one operand") }
      return name == "max" ? .greatest(parts) : .least(parts)
    case "neg": return .negative(try expression(json, at: path, &reading))
    case "abs": return .absolute(try expression(json, at: path, &reading))
    case "div":
      let fields = try QdrantFields(json, at: path)
      return .quotient(
        try part("left", of: fields, &reading), try part("right", of: fields, &reading),
        byZero: try fields.double("by_zero_default"))
    case "pow":
      let fields = try QdrantFields(json, at: path)
      return .power(try part("base", of: fields, &reading), try part("exponent", of: fields, &reading))
    case "geo_distance":
      let fields = try QdrantFields(json, at: path)
      return .distance(
        try GeoPoint(fields["origin"], at: fields.place("origin")),
        try member(try fields.required("to", try fields.string("to")), at: fields.place("to")))
    case "datetime":
      guard let text = json.string, let time = Timestamp.microseconds(text) else {
        throw .format("\(path): Expected datetime in supported format")
      }
      return .number(Double(time) / 1e6)
    case "datetime_key":
      guard let key = json.string else { throw .format("\(path): expected a payload key, got \(json.kind)") }
      return .time(try member(key, at: path))
    default: break
    }
    if let function = Function(rawValue: name) {
      return .function(function, try expression(json, at: path, &reading))
    }
    if let shape = Decay.Shape(rawValue: name) {
      return .decay(try decay(shape, try QdrantFields(json, at: path), &reading))
    }
    throw .format("\(path): unknown operation `\(name.prefix(100))`")
  }

  private static func list(
    _ json: JSON, at path: String, _ reading: inout Reading
  ) throws(QdrantError) -> [Expression] {
    guard let values = json.array else { throw .format("\(path): expected a list, got \(json.kind)") }
    var parts: [Expression] = []
    for (index, value) in values.enumerated() {
      parts.append(try expression(value, at: "\(path)[\(index)]", &reading))
    }
    return parts
  }

  private static func part(
    _ name: String, of fields: QdrantFields, _ reading: inout Reading
  ) throws(QdrantError) -> Expression {
    try expression(try fields.required(name, fields[name]), at: fields.place(name), &reading)
  }

  private static func decay(
    _ shape: Decay.Shape, _ fields: QdrantFields, _ reading: inout Reading
  ) throws(QdrantError) -> Decay {
    let midpoint = try fields.double("midpoint") ?? 0.5
    guard shape == .linear ? (0...1).contains(midpoint) : midpoint > 0 && midpoint < 1 else {
      throw .badRequest(
        "\(fields.place("midpoint")): Decay midpoint should be in the range (0.0, 1.0), got \(midpoint)")
    }
    let scale = try fields.double("scale") ?? 1
    guard scale > 0 else {
      throw .badRequest("\(fields.place("scale")): Scale must be non-zero positive, got \(scale)")
    }
    let target =
      fields["target"] == nil ? Expression.number(0) : try part("target", of: fields, &reading)
    return Decay(
      shape: shape, x: try part("x", of: fields, &reading), target: target, scale: scale,
      midpoint: midpoint)
  }

  private static func member(_ key: String, at path: String) throws(QdrantError) -> Member {
    Member(key: key, path: try QdrantPath.read(key, at: path))
  }

  /// The prefetch whose score `$score` or `$score[i]` is; `nil` for another variable.
  private static func scoreIndex(_ text: String) throws(QdrantError) -> Int? {
    guard text.hasPrefix("$score") else { return nil }
    let rest = text.dropFirst("$score".count)
    if rest.isEmpty { return 0 }
    let digits = rest.dropFirst().dropLast()
    guard rest.first == "[", rest.last == "]", !digits.isEmpty,
      digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = Int(digits)
    else { throw .format("Invalid score pattern: \(text.prefix(100))") }
    return index
  }
}
