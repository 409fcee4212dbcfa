internal import Foundation
internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

/// Columns of `Insert` and `Upsert` as a batch of points: the key, the dense vectors, and everything else as payload.
struct ColumnReader {
  private let schema: CollectionSchema
  private let definition: CollectionDefinition
  private let count: Int
  private let columns: [String: ProtoFieldData]
  private let vectorFields: [VectorTarget]
  private let placeholder: [Float]
  /// Whether rows say the keys of points that are there, also where the collection gives them out.
  private let namesKeys: Bool

  /// - Parameter namesKeys: whether rows say the keys of points that are there, also where the collection gives them out.
  /// - Throws: 1100 for columns that stand twice, or that no field has.
  init(
    _ fields: [ProtoFieldData], count: Int, of collection: DescribedCollection, namesKeys: Bool
  ) throws {
    self.namesKeys = namesKeys
    schema = collection.info.schema
    definition = collection.definition
    vectorFields = collection.vectors
    placeholder = collection.placeholder
    let outputs = definition.functionOutputs
    self.count = count
    var columns: [String: ProtoFieldData] = [:]
    for field in fields {
      let name = field.isDynamic ? CollectionDefinition.dynamicField : field.fieldName
      guard columns.updateValue(field, forKey: name) == nil else {
        throw MilvusError.invalidParameter("the column of field \(name) stands twice")
      }
      guard definition.field(name) != nil || (field.isDynamic && definition.isDynamic) else {
        throw MilvusError.invalidParameter("fieldData of \(name): the collection has no such field")
      }
      guard !outputs.contains(name) else {
        throw MilvusError.invalidParameter(
          "field \(name) is the output of a function, and no data may be given for it")
      }
    }
    self.columns = columns
  }

  func batch() throws -> PointBatch {
    guard count > 0 else {
      throw MilvusError.invalidParameter(
        "num_rows should be greater than 0", expected: "greater than 0", actual: "0")
    }
    var batch = PointBatch(ids: try keys(), vectors: [], dimension: schema.dimension)
    if let zero = placeholder.first { batch.vectors = [Float](repeating: zero, count: count) }
    for target in vectorFields {
      let column = try VectorColumn(target, columns[target.field.name], count: count)
      if target.field.name == schema.vectorField {
        batch.vectors = column.values.vectors
      } else {
        batch.fields[target.field.name] = column.values
      }
    }
    batch.payloads = try payloads()
    return batch
  }

  /// For a partial update: of the fields that have a column.
  func partialRows() throws -> [PartialRow] {
    guard count > 0 else {
      throw MilvusError.invalidParameter(
        "num_rows should be greater than 0", expected: "greater than 0", actual: "0")
    }
    let ids = try keys()
    let vectors = try vectorFields.compactMap { target in
      try columns[target.field.name].map { try VectorColumn(target, $0, count: count) }
    }
    let scalars = try definition.payloadFields.compactMap { field in
      try columns[field.name].map { (field.name, try PayloadColumn(field, $0, count: count)) }
    }
    let dynamic = try columns[CollectionDefinition.dynamicField].map(dynamicRows)
    return try ids.enumerated().map { place, id in
      var row = PartialRow(id: id, vectors: [:], members: [])
      for column in vectors { row.vectors[column.target.field.name] = .some(column.vector(place)) }
      for (name, column) in scalars { row.members.append((name, try column.text(place))) }
      if let bytes = dynamic?[place] {
        try forEachDynamic(bytes, place) { row.members.append(($0, String(decoding: $1, as: UTF8.self))) }
      }
      return row
    }
  }

  private func keys() throws -> [PointID] {
    guard let column = columns[schema.keyField] else {
      if schema.automaticKeys, !namesKeys { return [] }
      throw missing(schema.keyField)
    }
    guard !schema.automaticKeys || namesKeys else {
      throw MilvusError.invalidParameter(
        "the collection gives out the keys itself (autoID): send no column \(schema.keyField)")
    }
    let ids: [PointID] =
      switch (schema.keyKind, column.scalars.data) {
      case (.int64, .longData(let array)): array.data.map { .int64($0) }
      case (.string, .stringData(let array)): array.data.map { .string($0) }
      case (.mixed, .stringData(let array)): array.data.map { .mixed($0) }
      default: throw wrongType(schema.keyField, schema.keyKind.milvusName)
      }
    guard ids.count == count else { throw wrongCount(schema.keyField, ids.count) }
    return ids
  }

  // MARK: Payload

  private func payloads() throws -> [String] {
    let scalars = try definition.payloadFields.map {
      try PayloadColumn($0, columns[$0.name], count: count)
    }
    let dynamic = try columns[CollectionDefinition.dynamicField].map(dynamicRows)
    guard !scalars.isEmpty || dynamic != nil else { return [] }
    return try (0..<count).map { row in
      var json = JSONWriter(capacity: 128)
      json.beginObject()
      for column in scalars { try column.write(row, to: &json) }
      if let dynamic { try write(dynamic[row], row, to: &json) }
      json.endObject()
      return json.bytes.count == 2 ? "" : String(decoding: json.bytes, as: UTF8.self)
    }
  }

  private func dynamicRows(_ column: ProtoFieldData) throws -> [[UInt8]] {
    guard case .jsonData(let array) = column.scalars.data else {
      throw wrongType(CollectionDefinition.dynamicField, "JSON")
    }
    guard array.data.count == count else {
      throw wrongCount(CollectionDefinition.dynamicField, array.data.count)
    }
    return array.data.map { Array($0) }
  }

  private func write(_ bytes: [UInt8], _ row: Int, to json: inout JSONWriter) throws {
    try forEachDynamic(bytes, row) { name, text in
      json.key(name)
      json.raw(text)
    }
  }

  private func forEachDynamic(_ bytes: [UInt8], _ row: Int, _ body: (String, ArraySlice<UInt8>) -> Void)
    throws
  {
    guard !bytes.isEmpty else { return }
    guard let object = (try? JSONReader.parse(bytes))?.object else {
      throw MilvusError.invalidParameter("row \(row): the dynamic field is no JSON object")
    }
    for member in object.members {
      guard definition.field(member.key) == nil, member.key != CollectionDefinition.dynamicField,
        member.key != PartitionField.name
      else {
        throw MilvusError.invalidParameter(
          "row \(row): the dynamic field holds '\(member.key)', which is the name of a field")
      }
      body(member.key, bytes[member.text])
    }
  }

  // MARK: Failures

  private func missing(_ field: String) -> MilvusError {
    .invalidParameter("fieldSchema(\(field)) has no corresponding fieldData pass in")
  }

  private func wrongType(_ field: String, _ expected: String) -> MilvusError {
    .invalidParameter("the column of field \(field) has another type", expected: expected, actual: "other")
  }

  private func wrongCount(_ field: String, _ actual: Int) -> MilvusError {
    .invalidParameter(
      "the num_rows (\(actual)) of field (\(field)) is not equal to passed num_rows (\(count))",
      expected: "\(count)", actual: "\(actual)")
  }
}

/// Values of one field that stands in the payload. Where rows are null, only the others stand in the column.
private struct PayloadColumn {
  private let field: CollectionDefinition.Field
  private let value: ((Int) throws -> JSON)?
  /// Place in the column by row; `nil` when every row has one.
  private let places: [Int?]?

  init(_ field: CollectionDefinition.Field, _ column: ProtoFieldData?, count: Int) throws {
    self.field = field
    guard let column else {
      guard field.isNullable || field.defaultValue != nil else {
        throw MilvusError.invalidParameter(
          "fieldSchema(\(field.name)) has no corresponding fieldData pass in")
      }
      value = nil
      places = nil
      return
    }
    let (valueCount, value) =
      field.type.isPayloadVector
      ? try Self.vectors(field, column.vectors) : try Self.values(field, column.scalars)
    self.value = value
    guard !column.validData.isEmpty else {
      places = nil
      guard valueCount == count else { throw Self.wrongCount(field, valueCount, count) }
      return
    }
    guard column.validData.count == count else { throw Self.wrongCount(field, column.validData.count, count) }
    let validCount = column.validData.count { $0 }
    // Clients send the valid rows only; some fill the gaps.
    guard valueCount == validCount || valueCount == count else {
      throw Self.wrongCount(field, valueCount, validCount)
    }
    var next = 0
    places = column.validData.enumerated().map { row, isValid in
      defer { if isValid { next += 1 } }
      return isValid ? (valueCount == count ? row : next) : nil
    }
  }

  /// The value in a row as JSON, `null` where there is none.
  func text(_ row: Int) throws -> String {
    var json = JSONWriter(capacity: 32)
    guard let value, let place = places.map({ $0[row] }) ?? row else {
      if let text = field.defaultValue { return text }
      guard field.isNullable else {
        throw MilvusError.invalidParameter("row \(row): field \(field.name) is null, and it is not nullable")
      }
      return "null"
    }
    let content = try value(place)
    if let fault = field.fault(of: content) {
      throw MilvusError.invalidParameter("row \(row): field \(field.name): \(fault)")
    }
    json.value(content)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  func write(_ row: Int, to json: inout JSONWriter) throws {
    let place = places.map { $0[row] } ?? row
    guard let value, let place else {
      if let text = field.defaultValue {
        json.member(field.name, raw: text)
      } else if !field.isNullable {
        throw MilvusError.invalidParameter("row \(row): field \(field.name) is null, and it is not nullable")
      }
      return
    }
    let content = try value(place)
    if let fault = field.fault(of: content) {
      throw MilvusError.invalidParameter("row \(row): field \(field.name): \(fault)")
    }
    json.member(field.name, content)
  }

  private static func wrongCount(_ field: CollectionDefinition.Field, _ actual: Int, _ expected: Int)
    -> MilvusError
  {
    .invalidParameter(
      "the num_rows (\(actual)) of field (\(field.name)) is not equal to passed num_rows (\(expected))")
  }

  /// How many vectors a column has, and each as the base64 that the payload keeps.
  private static func vectors(
    _ field: CollectionDefinition.Field, _ vectors: ProtoVectorField
  ) throws -> (Int, (Int) throws -> JSON) {
    func text(_ bytes: Data) throws -> JSON {
      do { return .string(try PayloadVector.text(bytes, field)) } catch {
        throw MilvusError.invalidParameter("field \(field.name): \(error.text)")
      }
    }
    switch (field.type, vectors.data) {
    case (.sparseFloatVector, .sparseFloatVector(let array)?):
      return (array.contents.count, { try text(array.contents[$0]) })
    case (.binaryVector, .binaryVector(let bytes)?):
      let size = field.byteCount
      guard vectors.dim == Int64(size * 8) else {
        throw MilvusError.invalidParameter(
          "the dim (\(vectors.dim)) of field data(\(field.name)) is not equal to schema dim (\(size * 8))")
      }
      guard bytes.count.isMultiple(of: size) else {
        throw MilvusError.invalidParameter(
          "the column of field \(field.name) ends within a vector: \(bytes.count) bytes, a vector has \(size)"
        )
      }
      return (
        bytes.count / size,
        { place in
          let start = bytes.startIndex + place * size
          return try text(Data(bytes[start..<start + size]))
        }
      )
    case (_, nil): return (0, { _ in .null })
    default:
      throw MilvusError.invalidParameter(
        "the column of field \(field.name) has another type", expected: field.type.name, actual: "other")
    }
  }

  /// How many values a column has, and each as JSON.
  private static func values(
    _ field: CollectionDefinition.Field, _ scalars: ProtoScalarField
  ) throws -> (Int, (Int) throws -> JSON) {
    switch (field.type, scalars.data) {
    case (.array, .arrayData(let array)):
      return (
        array.data.count,
        { place in
          var element = field
          element.type = field.elementType ?? .json
          let (count, value) = try values(element, array.data[place])
          return .array(try (0..<count).map(value))
        }
      )
    case (.bool, .boolData(let array)): return (array.data.count, { .bool(array.data[$0]) })
    case (.int8, .intData(let array)), (.int16, .intData(let array)), (.int32, .intData(let array)):
      return (array.data.count, { .int(Int64(array.data[$0])) })
    case (.int64, .longData(let array)): return (array.data.count, { .int(array.data[$0]) })
    case (.float, .floatData(let array)):
      // The shortest text of the float32, not of the double that it is converted to.
      return (
        array.data.count,
        { place in
          guard array.data[place].isFinite, let double = Double("\(array.data[place])") else {
            throw MilvusError.invalidParameter("field \(field.name): a number that is not finite")
          }
          return .double(double)
        }
      )
    case (.double, .doubleData(let array)):
      return (
        array.data.count,
        { place in
          guard array.data[place].isFinite else {
            throw MilvusError.invalidParameter("field \(field.name): a number that is not finite")
          }
          return .double(array.data[place])
        }
      )
    case (.timestamp, .stringData(let array)):
      // What is no time is found where values are checked.
      return (array.data.count, { .string(TimestampText.stored(array.data[$0]) ?? array.data[$0]) })
    case (.varChar, .stringData(let array)): return (array.data.count, { .string(array.data[$0]) })
    case (.json, .jsonData(let array)):
      return (
        array.data.count,
        { place in
          do {
            return try JSONReader.parse(Array(array.data[place]))
          } catch {
            throw MilvusError.invalidParameter("field \(field.name): no JSON: \(error)")
          }
        }
      )
    default:
      throw MilvusError.invalidParameter(
        "the column of field \(field.name) has another type", expected: field.type.name, actual: "other")
    }
  }
}
