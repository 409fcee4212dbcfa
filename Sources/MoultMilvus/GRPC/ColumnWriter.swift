internal import Foundation
internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

/// Points as columns of an answer.
struct ColumnWriter {
  private let collection: DescribedCollection
  private let output: OutputFields
  /// Names as the client wrote them.
  private let names: [String]

  init(_ names: [String], output: OutputFields, of collection: DescribedCollection) {
    self.names = names
    self.output = output
    self.collection = collection
  }

  /// What the client is told of the fields: it knows by this which members of the dynamic field to show.
  var outputFields: [String] {
    let definition = collection.definition
    var fields = definition.fields.map(\.name).filter(output.includes)
    if definition.isDynamic, output.includesAllDynamic { fields.append(CollectionDefinition.dynamicField) }
    return fields
      + names.filter { $0 != "*" && $0 != CollectionDefinition.dynamicField && definition.field($0) == nil }
  }

  /// - Parameter withKey: whether the key has a column whatever was asked for.
  func columns(
    ids: [PointID], vectors: [[String: [Float]]], payloads: [String?], withKey: Bool
  ) -> [ProtoFieldData] {
    let (schema, definition) = (collection.info.schema, collection.definition)
    let targets = collection.vectors
    let objects = output.includesPayload ? payloads.map(Self.object) : []
    var columns: [ProtoFieldData] = []
    for field in definition.fields {
      guard output.includes(field.name) || (withKey && field.isPrimary) else { continue }
      var column = ProtoFieldData()
      column.fieldName = field.name
      column.fieldID = definition.id(of: field)
      column.type = ProtoDataType(rawValue: field.type.rawValue) ?? .none
      if field.isPrimary {
        column.scalars = Self.keys(ids, schema.keyKind)
      } else if let target = targets.first(where: { $0.field.name == field.name }) {
        let rows = vectors.map { $0[field.name] }
        column.vectors = ProtoVectorField(rows, target)
        if field.isNullable { column.validData = rows.map { $0 != nil } }
      } else if field.type.isPayloadVector {
        let rows = objects.map { PayloadVector.bytes($0.object[field.name], field) }
        column.vectors = ProtoVectorField(rows, field)
        if field.isNullable { column.validData = rows.map { $0 != nil } }
      } else {
        let whenMissing = field.whenMissing
        let values = objects.map { $0.object[field.name] ?? whenMissing }
        column.scalars = Self.scalars(values, field.type, field.elementType)
        if field.isNullable { column.validData = values.map { $0 != .null } }
      }
      columns.append(column)
    }
    if let dynamic = dynamicColumn(objects) { columns.append(dynamic) }
    return columns
  }

  /// One object a row, with those members that were asked for.
  private func dynamicColumn(_ objects: [(object: JSONObject, bytes: [UInt8])]) -> ProtoFieldData? {
    let definition = collection.definition
    let asked = names.contains { $0 != "*" && definition.field($0) == nil }
    guard definition.isDynamic, asked || output.includesAllDynamic else { return nil }
    var column = ProtoFieldData()
    column.fieldName = CollectionDefinition.dynamicField
    column.type = .json
    column.isDynamic = true
    column.scalars.jsonData.data = objects.map { object, bytes in
      var json = JSONWriter(capacity: bytes.count)
      json.beginObject()
      for member in object.members
      where definition.field(member.key) == nil && member.key != PartitionField.name
        && !TextVector.isMember(member.key)
      {
        guard output.includesAllDynamic || output.includes(member.key) else { continue }
        json.key(member.key)
        json.raw(bytes[member.text])
      }
      json.endObject()
      return Data(json.bytes)
    }
    return column
  }

  private static func object(_ payload: String?) -> (object: JSONObject, bytes: [UInt8]) {
    let bytes = Array((payload ?? "{}").utf8)
    // It was checked when it was stored; a payload that cannot be read has no members.
    return ((try? JSONReader.parse(bytes))?.object ?? JSONObject(), bytes)
  }

  /// A column of groups.
  static func column(_ column: MilvusGroups.Column) -> ProtoFieldData {
    .with { data in
      data.fieldName = column.name
      data.type = ProtoDataType(rawValue: column.type.rawValue) ?? .none
      data.scalars = scalars(column.values, column.type, nil)
      if column.values.contains(.null) { data.validData = column.values.map { $0 != .null } }
    }
  }

  static func keys(_ ids: [PointID], _ kind: CollectionSchema.KeyKind) -> ProtoScalarField {
    .with { field in
      switch kind {
      case .int64: field.longData.data = ids.map { if case .int64(let value) = $0 { value } else { 0 } }
      case .string, .mixed: field.stringData.data = ids.map(\.description)
      }
    }
  }

  static func ids(_ ids: [PointID], _ kind: CollectionSchema.KeyKind) -> ProtoIDs {
    .with { answer in
      switch kind {
      case .int64: answer.intID.data = ids.map { if case .int64(let value) = $0 { value } else { 0 } }
      case .string, .mixed: answer.strID.data = ids.map(\.description)
      }
    }
  }

  /// Clients read columns by row, so null has a value too.
  static func scalars(_ values: [JSON], _ type: MilvusType, _ elementType: MilvusType?) -> ProtoScalarField {
    .with { field in
      switch type {
      case .bool: field.boolData.data = values.map { $0.bool ?? false }
      case .int8, .int16, .int32: field.intData.data = values.map { Int32(clamping: $0.int ?? 0) }
      case .int64: field.longData.data = values.map { $0.int ?? 0 }
      case .float: field.floatData.data = values.map { Float($0.double ?? 0) }
      case .double: field.doubleData.data = values.map { $0.double ?? 0 }
      case .array:
        field.arrayData.elementType = ProtoDataType(rawValue: elementType?.rawValue ?? 0) ?? .none
        field.arrayData.data = values.map { scalars($0.array ?? [], elementType ?? .varChar, nil) }
      case .json:
        field.jsonData.data = values.map { value in
          var json = JSONWriter()
          json.value(value)
          return Data(json.bytes)
        }
      case .timestamp: field.stringData.data = values.map { TimestampText.shown($0.string ?? "") }
      default: field.stringData.data = values.map { $0.string ?? "" }
      }
    }
  }
}
