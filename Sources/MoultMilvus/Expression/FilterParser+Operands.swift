internal import MoultModel
internal import MoultServer

/// Fields, values and what is computed of them.
extension FilterParser {
  /// A sum of products.
  mutating func operand() throws(FilterError) -> FilterOperand {
    var left = try product()
    while case .symbol(let sign) = token, sign == "+" || sign == "-" {
      try advance()
      left = try combined(left, sign, try product())
    }
    return left
  }

  private mutating func product() throws(FilterError) -> FilterOperand {
    var left = try signed()
    while case .symbol(let sign) = token, sign == "*" || sign == "/" || sign == "%" {
      try advance()
      left = try combined(left, sign, try signed())
    }
    return left
  }

  private mutating func signed() throws(FilterError) -> FilterOperand {
    guard try take("-") else { return try single() }
    // The smallest integer has no positive counterpart.
    if token == .double(9_223_372_036_854_775_808) {
      try advance()
      return .value(.int(.min))
    }
    switch token {
    case .int, .double: break
    case .name where !isLiteral: break
    default: throw scanner.failure("expected a number or a field after '-'")
    }
    return try combined(try single(), "*", .value(.int(-1)))
  }

  private var isLiteral: Bool {
    if case .name(let name) = token { Self.booleans[name] != nil } else { false }
  }

  static let booleans = [
    "true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false,
  ]

  private mutating func single() throws(FilterError) -> FilterOperand {
    switch token {
    case .int(let value):
      try advance()
      return .value(.int(value))
    case .double(let value):
      try advance()
      return .value(.double(value))
    case .string(let text):
      try advance()
      return .value(.string(text))
    case .placeholder(let name):
      guard let value = templates[name] else { throw scanner.failure("no value was given for {\(name)}") }
      try advance()
      return .value(try scalar(value))
    case .name(let name):
      if let value = Self.booleans[name] {
        try advance()
        return .value(.bool(value))
      }
      if let time = try time(name) { return .value(.string(time)) }
      if ["array_length", "ARRAY_LENGTH"].contains(name), isCall {
        try advance()
        try expect("(")
        let member = try arrayMember()
        try expect(")")
        return .count(member)
      }
      return try path()
    default: throw scanner.failure("expected a field or a value")
    }
  }

  /// `ISO '2025-01-01T00:00:00Z'`; `nil` when none stands here.
  private mutating func time(_ name: String) throws(FilterError) -> String? {
    var ahead = scanner
    guard name == "ISO" || name == "iso", case .string(let text)? = try? ahead.next() else { return nil }
    try advance()
    guard TimestampText.stored(text) != nil else {
      throw scanner.failure("'\(text.prefix(100))' is no time,")
    }
    try advance()
    return text
  }

  // MARK: Arithmetic

  private func combined(_ left: FilterOperand, _ sign: String, _ right: FilterOperand) throws(FilterError)
    -> FilterOperand
  {
    guard let sign = PointFilter.Arithmetic.Operator(rawValue: sign) else {
      throw scanner.failure("expected a sign")
    }
    switch (left, right) {
    case (.value(let a), .value(let b)): return .value(try computed(a, sign, b))
    case (_, .value(let value)):
      if let base = left.base { return try computed(base.member, base.steps, sign, value) }
    case (.value(let value), _):
      if let base = right.base { return try mirrored(value, sign, base.member, base.steps) }
    default: break
    }
    throw scanner.failure("arithmetic takes one field and numbers, and '\(sign.rawValue)' was given others;")
  }

  private func mirrored(
    _ value: PointFilter.Scalar, _ sign: PointFilter.Arithmetic.Operator, _ member: FilterMember?,
    _ steps: [PointFilter.Arithmetic]
  ) throws(FilterError) -> FilterOperand {
    switch sign {
    case .add, .multiply: return try computed(member, steps, sign, value)
    case .subtract:
      guard case .computed(_, let negative) = try computed(member, steps, .multiply, .int(-1)) else { break }
      return try computed(member, negative, .add, value)
    case .divide, .remainder: break
    }
    throw scanner.failure("'\(sign.rawValue)' takes the field on its left side in this version of Moult;")
  }

  private func computed(
    _ member: FilterMember?, _ steps: [PointFilter.Arithmetic], _ sign: PointFilter.Arithmetic.Operator,
    _ number: PointFilter.Scalar
  ) throws(FilterError) -> FilterOperand {
    try requireDivisor(sign, number)
    if member == nil, schema.keyKind != .int64 {
      throw scanner.failure(
        "arithmetic takes numbers; the primary field '\(schema.keyField)' is of type \(schema.keyKind.milvusName),"
      )
    }
    if let member, let field = field(member), member.element == nil || field.elementType != nil {
      let type = member.element == nil ? field.type : field.elementType ?? field.type
      let isReal = [.float, .double].contains(type)
      guard type == .json || type.isInteger || isReal else {
        throw scanner.failure(
          "arithmetic takes numbers; field '\(field.name)' is of type \(field.type.name),")
      }
      guard sign != .remainder || !isReal else {
        throw scanner.failure("'%' takes integers; field '\(field.name)' is of type \(field.type.name),")
      }
    }
    let steps = steps + [PointFilter.Arithmetic(sign, number)]
    guard steps.count <= PointFilter.arithmeticStepsMax else {
      throw scanner.failure("more than \(PointFilter.arithmeticStepsMax) steps of arithmetic")
    }
    return .computed(member, steps)
  }

  private func requireDivisor(
    _ sign: PointFilter.Arithmetic.Operator, _ number: PointFilter.Scalar
  ) throws(FilterError) {
    switch number {
    case .int(let value):
      guard value != 0 || (sign != .divide && sign != .remainder) else {
        throw scanner.failure("division by zero")
      }
    case .double(let value):
      guard sign != .remainder else { throw scanner.failure("'%' takes integers;") }
      guard value != 0 || sign != .divide else { throw scanner.failure("division by zero") }
    case .string, .bool, .null: throw scanner.failure("arithmetic takes numbers;")
    }
  }

  private func computed(
    _ a: PointFilter.Scalar, _ sign: PointFilter.Arithmetic.Operator, _ b: PointFilter.Scalar
  ) throws(FilterError) -> PointFilter.Scalar {
    try requireDivisor(sign, b)
    if case .int(let x) = a, case .int(let y) = b {
      let (value, overflows) =
        switch sign {
        case .add: x.addingReportingOverflow(y)
        case .subtract: x.subtractingReportingOverflow(y)
        case .multiply: x.multipliedReportingOverflow(by: y)
        case .divide: x.dividedReportingOverflow(by: y)
        case .remainder: x.remainderReportingOverflow(dividingBy: y)
        }
      guard !overflows else { throw scanner.failure("a number beyond 64 bits") }
      return .int(value)
    }
    guard let x = a.number, let y = b.number, sign != .remainder else {
      throw scanner.failure("arithmetic takes numbers, '%' integers;")
    }
    let value =
      switch sign {
      case .add: x + y
      case .subtract: x - y
      case .multiply: x * y
      case .divide, .remainder: x / y
      }
    guard value.isFinite else { throw scanner.failure("a number beyond float64") }
    return .double(value)
  }

  // MARK: Functions of arrays

  /// `array_contains(field, value)` and its kin; `nil` when none stands here.
  mutating func arrayCondition(negated: Bool) throws(FilterError) -> PointFilter? {
    guard case .name(let name) = token, isCall else { return nil }
    let function = name.lowercased()
    guard name == function || name == name.uppercased(), Self.arrayFunctions.contains(function) else {
      return nil
    }
    try advance()
    try expect("(")
    let member = try arrayMember()
    try expect(",")
    let values: [PointFilter.Scalar]
    if function.hasSuffix("_any") || function.hasSuffix("_all") {
      values = try list()
    } else {
      guard case .value(let value) = try operand() else { throw scanner.failure("expected a value") }
      values = [value]
    }
    try expect(")")
    if let field = field(member), field.type == .array, let type = field.elementType {
      for value in values where !type.fits(value) {
        throw scanner.failure(
          "field '\(field.name)' holds elements of type \(type.name), and others are looked for;")
      }
    }
    return member.known(
      function.hasSuffix("_all") ? .containsAll(values) : .containsAny(values), negated: negated)
  }

  static let arrayFunctions = [
    "array_contains", "array_contains_any", "array_contains_all",
    "json_contains", "json_contains_any", "json_contains_all",
  ]

  private mutating func arrayMember() throws(FilterError) -> FilterMember {
    guard case .member(let member) = try path() else { throw scanner.failure("expected an array") }
    if let field = field(member), ![.array, .json].contains(field.type) {
      throw scanner.failure("field '\(field.name)' of type \(field.type.name) is no array,")
    }
    return member
  }

  /// The field that a member is, or lies in.
  private func field(_ member: FilterMember) -> CollectionDefinition.Field? {
    guard let name = member.names.names.first, member.names.names.count == 1 else { return nil }
    return definition.field(name)
  }

  /// `[value, …]` or a placeholder for one.
  mutating func list() throws(FilterError) -> [PointFilter.Scalar] {
    var values: [PointFilter.Scalar] = []
    if case .placeholder(let name) = token {
      guard let list = templates[name]?.array else {
        throw scanner.failure("no list was given for {\(name)}")
      }
      for value in list { values.append(try scalar(value)) }
      try advance()
      return values
    }
    try expect("[")
    while token != .symbol("]") {
      guard case .value(let value) = try operand() else { throw scanner.failure("expected a value") }
      values.append(value)
      guard try take(",") else { break }
    }
    try expect("]")
    return values
  }

  // MARK: Fields and values

  private func scalar(_ json: JSON) throws(FilterError) -> PointFilter.Scalar {
    switch json {
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .null, .large, .array, .object, .floats: throw scanner.failure("expected a value, got \(json.kind)")
    }
  }

  /// `field`, `field["name"]["name"]`, `field[0]`, `$meta["name"]`, a bare name of the dynamic field.
  mutating func path() throws(FilterError) -> FilterOperand {
    guard case .name(let name) = token else { throw scanner.failure("expected a field") }
    let start = scanner
    try advance()
    var names: [String] = []
    var element: Int?
    while try take("[") {
      guard element == nil else {
        throw scanner.failure("members of an element of an array are not supported by this version of Moult;")
      }
      switch token {
      case .string(let member): names.append(member)
      case .int(let place): element = Int(exactly: place)
      default: throw scanner.failure("expected a name in quotes or a place in an array")
      }
      try advance()
      try expect("]")
    }
    if token == .symbol("(") {
      throw start.failure("the function '\(name)' is not supported by this version of Moult,")
    }
    if let field = definition.field(name) {
      guard names.isEmpty || field.type == .json else { throw start.failure("field '\(name)' is no JSON,") }
      guard element == nil || field.type == .json || field.type == .array else {
        throw start.failure("field '\(name)' is no array,")
      }
      if field.isPrimary { return .key }
      guard !field.type.isVector else { throw start.failure("a vector field cannot be compared,") }
      let path = names.isEmpty ? field.path : FieldPath([name] + names)
      return .member(FilterMember(names: path, element: element))
    }
    guard definition.isDynamic else { throw start.failure("field \(name) not exist,") }
    let all = name == CollectionDefinition.dynamicField ? names : [name] + names
    guard !all.isEmpty else { throw start.failure("expected a member of \(name)") }
    return .member(FilterMember(names: FieldPath(all), element: element))
  }

  func id(_ value: PointFilter.Scalar) throws(FilterError) -> PointID {
    switch (schema.keyKind, value) {
    case (.int64, .int(let number)): return .int64(number)
    case (.string, .string(let text)): return .string(text)
    case (.mixed, .string(let text)): return .mixed(text)
    default:
      throw scanner.failure("the primary field '\(schema.keyField)' is of type \(schema.keyKind.milvusName)")
    }
  }

  /// Checks values against the type of a field or of its elements; a member of JSON may be of any.
  func typed(_ values: [PointFilter.Scalar], _ member: FilterMember) throws(FilterError) -> [PointFilter
    .Scalar]
  {
    guard let field = field(member) else { return values }
    let type = member.element == nil ? field.type : field.elementType ?? .json
    for value in values where !type.fits(value) {
      throw scanner.failure(
        "field '\(field.name)' of type \(field.type.name) is compared with another type")
    }
    if type == .timestamp {
      var times: [PointFilter.Scalar] = []
      for case .string(let text) in values {
        guard let time = TimestampText.stored(text) else {
          throw scanner.failure(
            "'\(text.prefix(100))' is no time, and field '\(field.name)' is of type Timestamptz;")
        }
        times.append(.string(time))
      }
      return times
    }
    // What was stored is the shortest text of a float32; the double next to 0.1 is another number.
    guard type == .float else { return values }
    return values.map { value in
      guard case .double(let number) = value, let rounded = Double("\(Float(number))") else { return value }
      return .double(rounded)
    }
  }
}

extension PointFilter.Scalar {
  /// Of an int or a double.
  var number: Double? {
    switch self {
    case .int(let number): Double(number)
    case .double(let number): number
    case .string, .bool, .null: nil
    }
  }
}

extension MilvusType {
  var isInteger: Bool { [.int8, .int16, .int32, .int64].contains(self) }

  /// Whether a value may be compared with one of this type.
  fileprivate func fits(_ value: PointFilter.Scalar) -> Bool {
    switch (self, value) {
    case (.json, _), (.bool, .bool), (.varChar, .string), (.timestamp, .string): true
    case (.int8, .int), (.int16, .int), (.int32, .int), (.int64, .int): true
    case (.int8, .double), (.int16, .double), (.int32, .double), (.int64, .double): true
    case (.float, .int), (.float, .double), (.double, .int), (.double, .double): true
    default: false
    }
  }
}
