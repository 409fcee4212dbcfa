internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Rows of `insert` and `upsert`: the key, the vector, and everything else as payload.
struct RowTranslation {
  let schema: CollectionSchema
  let definition: CollectionDefinition
  /// The request, of which payload is taken byte for byte.
  let body: ByteBuffer

  init(_ collection: DescribedCollection, body: ByteBuffer) {
    schema = collection.info.schema
    definition = collection.definition
    self.body = body
  }

  func batch(_ rows: [JSONObject]) throws(MilvusError) -> PointBatch {
    guard !rows.isEmpty else { throw .insertData("data should not be empty: invalid parameter") }
    var batch = PointBatch(ids: [], vectors: [], dimension: schema.dimension)
    batch.vectors.reserveCapacity(rows.count * schema.dimension)
    for (index, row) in rows.enumerated() {
      try append(vectorOf: row, index, to: &batch)
      try append(keyOf: row, index, to: &batch)
      batch.payloads.append(try payload(of: row, index))
    }
    return batch
  }

  /// For a partial update: rows with a key and whatever fields they name.
  func partialRows(_ rows: [JSONObject]) throws(MilvusError) -> [PartialRow] {
    guard !rows.isEmpty else { throw .insertData("data should not be empty: invalid parameter") }
    guard !schema.automaticKeys else {
      throw .insertData("a partial update needs keys, and the collection gives them out itself (autoID)")
    }
    var partial: [PartialRow] = []
    for (index, row) in rows.enumerated() {
      var batch = PointBatch(ids: [], vectors: [], dimension: schema.dimension)
      try append(keyOf: row, index, to: &batch)
      if row[schema.vectorField] != nil { try append(vectorOf: row, index, to: &batch) }
      var members: [(name: String, text: String)] = []
      for member in row.members where member.key != schema.keyField && member.key != schema.vectorField {
        try check(member, index)
        members.append((member.key, body.text(member.text)))
      }
      partial.append(
        PartialRow(id: batch.ids[0], vector: batch.vectors.isEmpty ? nil : batch.vectors, members: members))
    }
    return partial
  }

  private func append(vectorOf row: JSONObject, _ index: Int, to batch: inout PointBatch) throws(MilvusError)
  {
    let name = schema.vectorField
    guard let value = row[name], value != .null else {
      throw .insertData(
        "row \(index): field '\(name)' is missing; expected an array of \(schema.dimension) numbers")
    }
    guard let vector = value.floats else {
      throw .insertData("row \(index): field '\(name)': expected an array of numbers, got \(value.kind)")
    }
    guard vector.count == schema.dimension else {
      throw .insertData(
        "[]float32 size \(vector.count) doesn't equal to vector dimension \(schema.dimension) of FloatVector (row \(index))"
      )
    }
    batch.vectors.append(contentsOf: vector)
  }

  private func append(keyOf row: JSONObject, _ index: Int, to batch: inout PointBatch) throws(MilvusError) {
    let name = schema.keyField
    guard let value = row[name], value != .null else {
      if schema.automaticKeys { return }
      throw .insertData(
        "row \(index): field '\(name)' is missing; expected a primary key (\(schema.keyKind.milvusName))")
    }
    if schema.automaticKeys {
      throw .insertData(
        "set primary key but autoID == true (row \(index), field '\(name)'): invalid parameter")
    }
    guard let id = schema.keyKind.pointID(value) else {
      throw .insertData(
        "row \(index): field '\(name)': expected \(schema.keyKind.milvusName), got \(value.kind)")
    }
    batch.ids.append(id)
  }

  /// All other members as one JSON object, their values as they came; "" when there is none.
  private func payload(of row: JSONObject, _ index: Int) throws(MilvusError) -> String {
    var json = JSONWriter(capacity: 128)
    json.beginObject()
    for member in row.members where member.key != schema.keyField && member.key != schema.vectorField {
      try check(member, index)
      json.member(member.key, raw: body.text(member.text))
    }
    for field in definition.scalars where row[field.name] == nil {
      if let value = field.defaultValue {
        json.member(field.name, raw: value)
      } else if !field.isNullable {
        throw .insertData("row \(index): field '\(field.name)' is missing; expected \(field.type.name)")
      }
    }
    json.endObject()
    return json.bytes.count == 2 ? "" : String(decoding: json.bytes, as: UTF8.self)
  }
}

extension RowTranslation {
  fileprivate func check(_ member: JSONObject.Member, _ index: Int) throws(MilvusError) {
    if let field = definition.field(member.key) {
      if let fault = field.fault(of: member.value) {
        throw .insertData("row \(index): field '\(field.name)': \(fault)")
      }
    } else if !definition.isDynamic {
      throw .insertData(
        "row \(index): has pass more field without dynamic schema, please check it: '\(member.key)'")
    }
    guard member.key != "$meta" else {
      throw .insertData(
        "row \(index): use the invalid field name($meta) when enable dynamicField: invalid parameter")
    }
  }
}

extension CollectionSchema.KeyKind {
  /// A key as requests write it: an int64 as a number or as text.
  func pointID(_ json: JSON) -> PointID? {
    switch (self, json) {
    case (.int64, .int(let value)): .int64(value)
    case (.int64, .string(let text)): Int64(text).map { .int64($0) }
    case (.string, .string(let text)): .string(text)
    default: nil
    }
  }
}
