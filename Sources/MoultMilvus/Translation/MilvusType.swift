/// Milvus' data types by their numbers on the wire.
enum MilvusType: Int, Codable, Sendable {
  case bool = 1
  case int8 = 2
  case int16 = 3
  case int32 = 4
  case int64 = 5
  case float = 10
  case double = 11
  case string = 20
  case varChar = 21
  case array = 22
  case json = 23
  case geometry = 24
  case text = 25
  case timestamp = 26
  case binaryVector = 100
  case floatVector = 101
  case float16Vector = 102
  case bfloat16Vector = 103
  case sparseFloatVector = 104
  case int8Vector = 105

  /// As REST writes it.
  var name: String {
    switch self {
    case .bool: "Bool"
    case .int8: "Int8"
    case .int16: "Int16"
    case .int32: "Int32"
    case .int64: "Int64"
    case .float: "Float"
    case .double: "Double"
    case .string: "String"
    case .varChar: "VarChar"
    case .array: "Array"
    case .json: "JSON"
    case .geometry: "Geometry"
    case .text: "Text"
    case .timestamp: "Timestamptz"
    case .binaryVector: "BinaryVector"
    case .floatVector: "FloatVector"
    case .float16Vector: "Float16Vector"
    case .bfloat16Vector: "BFloat16Vector"
    case .sparseFloatVector: "SparseFloatVector"
    case .int8Vector: "Int8Vector"
    }
  }

  /// - Parameter name: as REST writes it, in any case.
  init?(name: String) {
    let all = (1...105).compactMap(MilvusType.init(rawValue:))
    guard let type = all.first(where: { $0.name.lowercased() == name.lowercased() }) else { return nil }
    self = type
  }

  var isVector: Bool { rawValue >= MilvusType.binaryVector.rawValue }

  /// Vectors with a number for every dimension.
  var isDenseVector: Bool {
    switch self {
    case .floatVector, .float16Vector, .bfloat16Vector, .int8Vector: true
    default: false
    }
  }

  /// Vectors that stand in the payload.
  var isPayloadVector: Bool { self == .sparseFloatVector || self == .binaryVector }

  /// What a field beside key and vectors can have so far.
  var isKeptScalar: Bool {
    switch self {
    case .bool, .int8, .int16, .int32, .int64, .float, .double, .varChar, .array, .json, .timestamp: true
    case .string, .geometry, .text, .binaryVector, .floatVector, .float16Vector, .bfloat16Vector,
      .sparseFloatVector, .int8Vector:
      false
    }
  }

  /// Values of the integer types.
  var integerRange: ClosedRange<Int64>? {
    switch self {
    case .int8: Int64(Int8.min)...Int64(Int8.max)
    case .int16: Int64(Int16.min)...Int64(Int16.max)
    case .int32: Int64(Int32.min)...Int64(Int32.max)
    case .int64: Int64.min...Int64.max
    default: nil
    }
  }
}
