internal import MoultModel
internal import MoultServer

/// Which fields of a stored point an answer carries.
struct OutputFields {
  private let schema: CollectionSchema
  private let definition: CollectionDefinition
  private let names: Set<String>
  let all: Bool
  /// Dense ones; the others stand in the payload.
  private let vectors: Set<String>
  /// What functions make, which nobody reads.
  private let outputs: Set<String>

  /// - Throws: 1100 for a field that is not there, where there are no dynamic ones, and for what a function makes.
  init(_ names: [String], of collection: DescribedCollection) throws {
    schema = collection.info.schema
    definition = collection.definition
    vectors = Set(definition.denseVectors.map(\.name))
    outputs = definition.functionOutputs
    self.names = Set(names)
    all = names.contains("*")
    if let output = names.first(where: outputs.contains) {
      throw MilvusError.invalidParameter("not allowed to retrieve raw data of field \(output)")
    }
    guard !definition.isDynamic else { return }
    for name in names
    where name != "*" && definition.field(name) == nil && name != MilvusOperations.countField {
      throw MilvusError.invalidParameter("field \(name) not exist")
    }
  }

  func includes(_ name: String) -> Bool { (all && !outputs.contains(name)) || names.contains(name) }
  /// Every member of the dynamic field.
  var includesAllDynamic: Bool { all || names.contains(CollectionDefinition.dynamicField) }

  var includesVector: Bool { all || !names.isDisjoint(with: vectors) }
  /// Whether vectors of other fields than `field` are wanted.
  func includesVectors(beside field: String) -> Bool { vectors.contains { $0 != field && includes($0) } }
  var includesPayload: Bool { all || !names.subtracting(vectors.union([schema.keyField])).isEmpty }

  /// Writes the members of one row: key, payload members, vectors, and `distance` for hits.
  func write(
    _ id: PointID, distance: Float?, vectors: [String: [Float]], payload: String?, int64AsText: Bool,
    to json: inout JSONWriter
  ) {
    json.beginObject()
    if let distance { json.member("distance", distance) }
    json.key(schema.keyField)
    json.value(id, int64AsText: int64AsText)
    if includesPayload {
      write(payload: payload ?? "{}", beside: distance, int64AsText: int64AsText, to: &json)
    }
    for field in definition.denseVectors where includes(field.name) {
      if let vector = vectors[field.name] {
        json.member(field.name, vector)
      } else if field.isNullable {
        json.key(field.name)
        json.null()
      }
    }
    json.endObject()
  }

  private func write(
    payload: String, beside distance: Float?, int64AsText: Bool, to json: inout JSONWriter
  ) {
    let bytes = Array(payload.utf8)
    // It was checked when it was stored; a payload that cannot be read has no members.
    guard let object = (try? JSONReader.parse(bytes))?.object else { return }
    for member in object.members where includes(member.key) {
      let isTaken =
        member.key == schema.keyField || vectors.contains(member.key) || member.key == PartitionField.name
        || TextVector.isMember(member.key)
        || (distance != nil && member.key == "distance")
        // Of a field that was dropped.
        || (!definition.isDynamic && definition.field(member.key) == nil)
      if isTaken { continue }
      json.key(member.key)
      switch definition.field(member.key)?.type {
      // Text that holds JSON.
      case .json where member.value != .null: json.value(String(decoding: bytes[member.text], as: UTF8.self))
      case let type? where type.isPayloadVector:
        PayloadVector.write(member.value, as: definition.field(member.key), to: &json)
      case .timestamp where member.value != .null: json.value(TimestampText.shown(member.value.string ?? ""))
      case .int64 where int64AsText && member.value != .null:
        json.value(String(decoding: bytes[member.text], as: UTF8.self))
      case .array where member.value != .null:
        json.raw("{\"Data\":{\"\(Self.arrayName(definition.field(member.key)?.elementType))\":{\"data\":")
        json.raw(bytes[member.text])
        json.raw("}}}")
      default: json.raw(bytes[member.text])
      }
    }
    for field in definition.payloadFields where includes(field.name) && object[field.name] == nil {
      guard let value = field.defaultValue else {
        json.key(field.name)
        json.null()
        continue
      }
      json.key(field.name)
      if field.type == .int64, int64AsText { json.value(value) } else { json.raw(value) }
    }
  }

  /// As Milvus' own encoder calls arrays.
  private static func arrayName(_ type: MilvusType?) -> String {
    switch type {
    case .bool: "BoolData"
    case .int8, .int16, .int32: "IntData"
    case .int64: "LongData"
    case .float: "FloatData"
    case .double: "DoubleData"
    default: "StringData"
    }
  }
}
