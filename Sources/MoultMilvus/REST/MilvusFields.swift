internal import MoultModel
internal import MoultServer

/// The fields of a request as Milvus reads them: names without regard to case, types strictly, `null` as absent,
/// unknown ones passed over.
///
/// Reading a field of the wrong type throws at once (1801); a missing one is remembered, because all types are
/// checked first (1802 comes later).
struct MilvusFields {
  let fields: RequestFields
  /// The type's name in Milvus' own message about missing fields.
  private let type: String
  private(set) var missing: [String] = []

  init(_ fields: RequestFields, type: String) {
    self.fields = fields
    self.type = type
  }

  /// Values of a filter's placeholders.
  static func templates(_ fields: RequestFields?) -> [String: JSON] {
    Dictionary((fields?.object.members ?? []).map { ($0.key, $0.value) }) { _, last in last }
  }

  func string(_ name: String) throws(MoultError) -> String { try fields.string(name) ?? "" }

  /// Missing and empty are the same.
  mutating func requiredString(_ name: String) throws(MoultError) -> String {
    let value = try fields.string(name) ?? ""
    if value.isEmpty { missing.append(name) }
    return value
  }

  mutating func required(_ name: String) -> JSON? {
    let value = fields[name]
    if value == nil { missing.append(name) }
    return value
  }

  /// - Parameter path: of a member of a member, with points between the names.
  mutating func addMissing(_ path: String) { missing.append(path) }

  func strings(_ name: String) throws(MoultError) -> [String]? {
    guard let values = try fields.array(name) else { return nil }
    var strings: [String] = []
    for (index, value) in values.enumerated() {
      guard let text = value.string else {
        throw fields.mismatch("\(name)[\(index)]", expected: "a string", value)
      }
      strings.append(text)
    }
    return strings
  }

  func objects(_ name: String) throws(MoultError) -> [JSONObject]? {
    guard let values = try fields.array(name) else { return nil }
    var objects: [JSONObject] = []
    objects.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let object = value.object else {
        throw fields.mismatch("\(name)[\(index)]", expected: "an object", value)
      }
      objects.append(object)
    }
    return objects
  }

  /// 1802 if anything was missing.
  func requireAll() throws {
    guard !missing.isEmpty else { return }
    let lines = missing.map { name in
      let path = name.split(separator: ".").map { $0.prefix(1).uppercased() + $0.dropFirst() }
      let field = path.last ?? ""
      return
        "Key: '\(type).\(path.joined(separator: "."))' Error:Field validation for '\(field)' failed on the 'required' tag"
    }
    throw MilvusError.missing(lines.joined(separator: "\n"))
  }
}
