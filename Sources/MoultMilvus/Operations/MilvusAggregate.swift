internal import Foundation
internal import MoultModel

/// A number about a group, as output fields write it: `count(*)`, `count(f)`, `sum(f)`, `min(f)`, `max(f)`, `avg(f)`,
/// in any case and with blanks inside.
struct MilvusAggregate: Equatable {
  var function: PointAggregation.Function
  /// `nil` for `*`.
  var field: String?

  /// `nil` for what is none.
  init?(_ text: String) {
    let text = text.trimmingCharacters(in: .whitespaces)
    guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
    let name = text[..<open].trimmingCharacters(in: .whitespaces).lowercased()
    let field = text[text.index(after: open)...].dropLast().trimmingCharacters(in: .whitespaces)
    guard let function = PointAggregation.Function(rawValue: name), !field.contains("("), !field.contains(")")
    else { return nil }
    self.function = function
    self.field = field == "*" ? nil : field
  }

  /// The type of the result.
  ///
  /// - Parameter type: of the field; `nil` for `*`.
  /// - Throws: 1100 when the function cannot be taken of it.
  func resultType(of type: MilvusType?) throws(MilvusError) -> MilvusType {
    switch (function, type) {
    case (.count, _): return .int64
    case (.sum, .int8?), (.sum, .int16?), (.sum, .int32?), (.sum, .int64?): return .int64
    case (.sum, .float?), (.sum, .double?): return .double
    case (.average, let type?) where type.isNumber: return .double
    case (.min, let type?) where type.isNumber || type == .varChar: return type
    case (.max, let type?) where type.isNumber || type == .varChar: return type
    default:
      throw MilvusError.invalidParameter(
        "aggregation operator \(function.rawValue) does not support data type \(type?.name ?? "*")")
    }
  }
}

extension MilvusType {
  fileprivate var isNumber: Bool { integerRange != nil || self == .float || self == .double }
}
