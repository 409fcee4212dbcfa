internal import Hummingbird
internal import MoultModel

/// The parameters after '?' of a request, with their types checked.
struct QueryParameters {
  private let values: [String: String]

  /// - Throws: `invalidArgument` for a parameter that is none of `known`.
  init(_ request: Request, known: Set<String>) throws(MoultError) {
    var values: [String: String] = [:]
    for (key, value) in request.uri.queryParameters {
      guard known.contains(String(key)) else {
        let names = known.sorted().map { "'\($0)'" }.joined(separator: ", ")
        throw MoultError(
          .invalidArgument, "parameter '\(key.prefix(100))' is not known here; the parameters are \(names)")
      }
      values[String(key)] = String(value)
    }
    self.values = values
  }

  private func mismatch(_ name: String, _ expected: String, _ text: String) -> MoultError {
    MoultError(.invalidArgument, "parameter '\(name)': expected \(expected), got '\(text.prefix(100))'")
  }

  func string(_ name: String) -> String? { values[name] }

  func int(_ name: String, in range: ClosedRange<Int> = 0...Int.max) throws(MoultError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), range.contains(value) else {
      let expected =
        range.upperBound == .max
        ? "an integer from \(range.lowerBound)" : "an integer from \(range.lowerBound) to \(range.upperBound)"
      throw mismatch(name, expected, text)
    }
    return value
  }

  func double(_ name: String) throws(MoultError) -> Double? {
    guard let text = values[name] else { return nil }
    guard let value = Double(text), value.isFinite else { throw mismatch(name, "a number", text) }
    return value
  }

  func bool(_ name: String) throws(MoultError) -> Bool? {
    guard let text = values[name] else { return nil }
    switch text {
    case "true", "1": return true
    case "false", "0": return false
    default: throw mismatch(name, "true or false", text)
    }
  }

  func word<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type
  ) throws(MoultError) -> Value? where Value.RawValue == String {
    guard let text = values[name] else { return nil }
    guard let value = Value(rawValue: text) else {
      throw mismatch(
        name, "one of " + Value.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "), text)
    }
    return value
  }
}
