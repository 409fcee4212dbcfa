internal import MoultModel
internal import MoultServer

extension CollectionDefinition.Field {
  /// Where payloads have it; one without it has the default value.
  var path: FieldPath { FieldPath([name], whenMissing: defaultValue) }

  /// The default value; null where there is none.
  var whenMissing: JSON { defaultValue.flatMap { try? JSONReader.parse($0) } ?? .null }

  /// What a payload has of the field.
  func value(in payload: JSONObject?) -> JSON { payload?[name] ?? whenMissing }

  /// - Throws: 1100 for a default value that the field cannot have.
  func checkDefaultValue() throws {
    guard let text = defaultValue else { return }
    switch type {
    case .bool, .int8, .int16, .int32, .int64, .float, .double, .varChar: break
    default:
      throw MilvusError.invalidParameter(
        "field \(name): a default value of type \(type.name) is not supported by this version of Moult")
    }
    guard let value = try? JSONReader.parse(text), value != .null else {
      throw MilvusError.invalidParameter("default value of field \(name): expected \(type.name), got \(text)")
    }
    if let fault = fault(of: value) {
      throw MilvusError.invalidParameter("default value of field \(name): \(fault)")
    }
  }

  /// What a value does not fit in, in words; `nil` for one that fits.
  func fault(of value: JSON) -> String? {
    if value == .null { return isNullable ? nil : "is null, and the field is not nullable" }
    return fault(of: value, as: type)
  }

  private func fault(of value: JSON, as type: MilvusType) -> String? {
    switch (type, value) {
    case (.json, _), (.bool, .bool), (.double, .int), (.double, .double): return nil
    // Base64, which was made of what is checked already.
    case (.sparseFloatVector, .string), (.binaryVector, .string): return nil
    case (.int8, .int(let number)), (.int16, .int(let number)), (.int32, .int(let number)),
      (.int64, .int(let number)):
      guard let range = type.integerRange, !range.contains(number) else { return nil }
      return "\(number) does not fit in \(type.name)"
    case (.float, .int), (.float, .double):
      return Float(value.double ?? 0).isFinite ? nil : "the number does not fit in Float"
    case (.varChar, .string(let text)):
      guard let length = parameter("max_length").flatMap({ Int($0) }), text.utf8.count > length else {
        return nil
      }
      return "the length (\(text.utf8.count)) of string exceeds max length (\(length))"
    case (.timestamp, .string(let text)):
      return TimestampText.stored(text) == nil
        ? "'\(text.prefix(100))' is no time; expected one like 2025-01-01T00:00:00+08:00" : nil
    case (.array, .array(let values)):
      if let capacity = parameter("max_capacity").flatMap({ Int($0) }), values.count > capacity {
        return "the length (\(values.count)) of array exceeds max capacity (\(capacity))"
      }
      for value in values {
        if let fault = fault(of: value, as: elementType ?? .json) { return fault }
      }
      return nil
    default: return "expected \(type.name), got \(value.kind)"
    }
  }
}
