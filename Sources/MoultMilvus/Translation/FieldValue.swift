internal import MoultModel
internal import MoultServer

extension CollectionDefinition.Field {
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
