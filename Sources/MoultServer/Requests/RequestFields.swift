package import MoultModel

/// The members of a JSON object in a request, taken out one by one with their types checked.
///
/// A member that is `null` counts as absent. Every complaint names the field, what was expected and what came.
package struct RequestFields: Sendable {
  package let object: JSONObject
  /// Where the object stands: "" for the body, "gate." for a member.
  private let path: String
  private let ignoresCase: Bool

  /// - Parameter ignoresCase: whether names are matched as Go's decoder does; of several that match, the last counts.
  package init(_ object: JSONObject, path: String = "", ignoresCase: Bool = false) {
    self.object = object
    self.path = path
    self.ignoresCase = ignoresCase
  }

  /// - Throws: `invalidArgument` when `json` is no object.
  package init(_ json: JSON, what: String = "the request's body") throws(MoultError) {
    guard case .object(let object) = json else {
      throw MoultError(.invalidArgument, "\(what): expected an object, got \(json.kind)")
    }
    self.init(object)
  }

  package func member(_ name: String) -> JSONObject.Member? {
    let member =
      ignoresCase
      ? object.members.last {
        $0.key.utf8.count == name.utf8.count && $0.key.lowercased() == name.lowercased()
      }
      : object.member(name)
    return member?.value == .null ? nil : member
  }

  package subscript(name: String) -> JSON? { member(name)?.value }

  package func failure(_ name: String, _ fault: String) -> MoultError {
    MoultError(.invalidArgument, "field '\(path)\(name)': \(fault)")
  }

  package func mismatch(_ name: String, expected: String, _ json: JSON) -> MoultError {
    failure(name, "expected \(expected), got \(json.kind)")
  }

  package func missing(_ name: String, expected: String) -> MoultError {
    failure(name, "is missing; expected \(expected)")
  }

  private func value<Value>(
    _ name: String, _ expected: String, _ read: (JSON) -> Value?
  ) throws(MoultError) -> Value? {
    guard let json = self[name] else { return nil }
    guard let value = read(json) else { throw mismatch(name, expected: expected, json) }
    return value
  }

  package func string(_ name: String) throws(MoultError) -> String? { try value(name, "a string", \.string) }
  package func bool(_ name: String) throws(MoultError) -> Bool? { try value(name, "true or false", \.bool) }
  package func double(_ name: String) throws(MoultError) -> Double? { try value(name, "a number", \.double) }
  package func array(_ name: String) throws(MoultError) -> [JSON]? { try value(name, "an array", \.array) }
  package func int(_ name: String) throws(MoultError) -> Int? {
    try value(name, "an integer") { $0.int.flatMap { Int(exactly: $0) } }
  }

  package func fields(_ name: String) throws(MoultError) -> RequestFields? {
    guard let object = try value(name, "an object", \.object) else { return nil }
    return RequestFields(object, path: "\(path)\(name).", ignoresCase: ignoresCase)
  }

  package func requiredString(_ name: String) throws(MoultError) -> String {
    guard let value = try string(name) else { throw missing(name, expected: "a string") }
    return value
  }

  /// One of a few words.
  package func word<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type
  ) throws(MoultError) -> Value? where Value.RawValue == String {
    guard let json = self[name] else { return nil }
    let words = Value.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    guard let text = json.string else { throw mismatch(name, expected: "one of \(words)", json) }
    guard let value = Value(rawValue: text) else {
      throw failure(name, "expected one of \(words), got '\(text.prefix(100))'")
    }
    return value
  }

  /// - Throws: `invalidArgument` when there is a member that is none of these: a misspelt option must not be
  ///   passed over.
  package func refuseOthers(than known: Set<String>) throws(MoultError) {
    guard let unknown = object.members.first(where: { !known.contains($0.key) }) else { return }
    let names = known.sorted().map { "'\($0)'" }.joined(separator: ", ")
    throw failure(String(unknown.key.prefix(100)), "is not known here; the fields are \(names)")
  }
}
