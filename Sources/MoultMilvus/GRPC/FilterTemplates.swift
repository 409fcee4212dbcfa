internal import MilvusProto
internal import MoultServer

/// Values of a filter's placeholders.
enum FilterTemplates {
  static func values(_ templates: [String: ProtoTemplateValue]) throws -> [String: JSON] {
    try templates.mapValues { template in
      switch template.val {
      case .boolVal(let value): return .bool(value)
      case .int64Val(let value): return .int(value)
      case .floatVal(let value): return .double(try finite(value))
      case .stringVal(let value): return .string(value)
      case .arrayVal(let array): return .array(try list(array))
      case .bytesVal, nil:
        throw MilvusError.invalidParameter("a value of a filter's placeholder is of no known type")
      }
    }
  }

  /// Filters know no other numbers: JSON and the filter language cannot say them.
  private static func finite(_ value: Double) throws -> Double {
    guard value.isFinite else {
      throw MilvusError.invalidParameter("a value of a filter's placeholder is not a finite number")
    }
    return value
  }

  private static func list(_ array: ProtoTemplateArrayValue) throws -> [JSON] {
    switch array.data {
    case .boolData(let values): return values.data.map { .bool($0) }
    case .longData(let values): return values.data.map { .int($0) }
    case .doubleData(let values): return try values.data.map { .double(try finite($0)) }
    case .stringData(let values): return values.data.map { .string($0) }
    case nil: return []
    case .arrayData, .jsonData:
      throw MilvusError.invalidParameter("a list of a filter's placeholder is of no known type")
    }
  }
}
