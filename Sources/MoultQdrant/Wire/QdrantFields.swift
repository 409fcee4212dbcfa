internal import MoultModel
internal import MoultServer

/// The members of a JSON object in a request, taken out with their types checked. `null` counts as absent.
struct QdrantFields: Sendable {
  let object: JSONObject
  /// Where the object stands: "" for the body.
  let path: String

  init(_ object: JSONObject, at path: String = "") {
    self.object = object
    self.path = path
  }

  init(_ json: JSON, at path: String = "") throws(QdrantError) {
    guard case .object(let object) = json else {
      throw .format("\(path.isEmpty ? "the body" : path): invalid type: expected an object, got \(json.kind)")
    }
    self.init(object, at: path)
  }

  subscript(name: String) -> JSON? {
    let value = object.member(name)?.value
    return value == .null ? nil : value
  }

  func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  private func value<Value>(
    _ name: String, _ expected: String, _ read: (JSON) -> Value?
  ) throws(QdrantError) -> Value? {
    guard let json = self[name] else { return nil }
    guard let value = read(json) else {
      throw .format("\(place(name)): invalid type: expected \(expected), got \(json.kind)")
    }
    return value
  }

  func string(_ name: String) throws(QdrantError) -> String? { try value(name, "a string", \.string) }
  func bool(_ name: String) throws(QdrantError) -> Bool? { try value(name, "a boolean", \.bool) }
  func double(_ name: String) throws(QdrantError) -> Double? { try value(name, "a number", \.double) }
  func array(_ name: String) throws(QdrantError) -> [JSON]? { try value(name, "an array", \.array) }
  func fields(_ name: String) throws(QdrantError) -> QdrantFields? {
    try value(name, "an object", \.object).map { QdrantFields($0, at: place(name)) }
  }

  /// An integer of at least `least`.
  ///
  /// - Throws: 400 for what is none, 422 for a smaller one.
  func count(_ name: String, atLeast least: Int = 0) throws(QdrantError) -> Int? {
    guard let number = try value(name, "an unsigned integer", { $0.int.flatMap { Int(exactly: $0) } }) else {
      return nil
    }
    guard number >= least else {
      throw .validation("[\(place(name)): value \(number) invalid, must be \(least) or larger]")
    }
    return number
  }

  func strings(_ name: String) throws(QdrantError) -> [String]? {
    guard let values = try array(name) else { return nil }
    var strings: [String] = []
    for (index, value) in values.enumerated() {
      guard let text = value.string else {
        throw .format("\(place(name))[\(index)]: invalid type: expected a string, got \(value.kind)")
      }
      strings.append(text)
    }
    return strings
  }

  func required<Value>(_ name: String, _ value: Value?) throws(QdrantError) -> Value {
    guard let value else { throw .format("missing field `\(place(name))`") }
    return value
  }
}

extension JSONObject {
  /// Without members that are null, at any depth.
  var withoutNulls: JSONObject {
    JSONObject(
      members.compactMap { member in
        switch member.value {
        case .null: nil
        case .object(let object): Member(key: member.key, value: .object(object.withoutNulls))
        default: Member(key: member.key, value: member.value)
        }
      })
  }

  /// With the members of another, its own where the other has none; objects in both are merged.
  func merging(_ other: JSONObject) -> JSONObject {
    var merged = self
    for member in other.members {
      if case .object(let new) = member.value, case .object(let old)? = merged[member.key] {
        merged[member.key] = .object(old.merging(new))
      } else {
        merged[member.key] = member.value
      }
    }
    return merged
  }
}
