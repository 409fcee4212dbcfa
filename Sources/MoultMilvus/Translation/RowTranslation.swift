internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Rows of `insert` and `upsert`: the key, the dense vectors, and everything else as payload.
struct RowTranslation {
  let schema: CollectionSchema
  let definition: CollectionDefinition
  private let vectors: [VectorTarget]
  private let outputs: Set<String>
  private let placeholder: [Float]
  /// Whether rows say the keys of points that are there, also where the collection gives them out.
  private let namesKeys: Bool
  /// The request, of which payload is taken byte for byte.
  let body: ByteBuffer

  /// - Parameter namesKeys: whether rows say the keys of points that are there, also where the collection gives them out.
  init(_ collection: DescribedCollection, body: ByteBuffer, namesKeys: Bool = false) {
    schema = collection.info.schema
    definition = collection.definition
    vectors = collection.vectors
    outputs = collection.definition.functionOutputs
    placeholder = collection.placeholder
    self.namesKeys = namesKeys
    self.body = body
  }

  func batch(_ rows: [JSONObject]) throws(MilvusError) -> PointBatch {
    guard !rows.isEmpty else { throw .insertData("data should not be empty: invalid parameter") }
    var batch = PointBatch(ids: [], vectors: [], dimension: schema.dimension)
    for target in vectors {
      do { try FieldVectors.requireRoom(count: rows.count, dimension: target.dimension) } catch {
        throw .insertData(error.message)
      }
    }
    var others = vectors.filter { $0.field.name != schema.vectorField }
      .map { (target: $0, vectors: [[Float]?]()) }
    for (index, row) in rows.enumerated() {
      for target in vectors where target.field.name == schema.vectorField {
        batch.vectors += try vector(of: target, row, index) ?? []
      }
      batch.vectors += placeholder
      for place in others.indices {
        others[place].vectors.append(try vector(of: others[place].target, row, index))
      }
      try append(keyOf: row, index, to: &batch)
      batch.payloads.append(try payload(of: row, index))
    }
    for (target, vectors) in others {
      batch.fields[target.field.name] = FieldVectors(vectors, dimension: target.dimension)
    }
    return batch
  }

  /// For a partial update: rows with a key and whatever fields they name.
  func partialRows(_ rows: [JSONObject]) throws(MilvusError) -> [PartialRow] {
    guard !rows.isEmpty else { throw .insertData("data should not be empty: invalid parameter") }
    var partial: [PartialRow] = []
    for (index, row) in rows.enumerated() {
      var batch = PointBatch(ids: [], vectors: [], dimension: schema.dimension)
      try append(keyOf: row, index, to: &batch)
      var given: [String: [Float]?] = [:]
      for target in vectors where row[target.field.name] != nil {
        given[target.field.name] = .some(try vector(of: target, row, index))
      }
      var members: [(name: String, text: String)] = []
      for member in row.members where !isOwn(member.key) {
        if isDefault(member), let value = definition.field(member.key)?.defaultValue {
          members.append((member.key, value))
        } else {
          members.append((member.key, try checkedText(of: member, index)))
        }
      }
      partial.append(PartialRow(id: batch.ids[0], vectors: given, members: members))
    }
    return partial
  }

  /// Key and vectors, which are no payload.
  private func isOwn(_ name: String) -> Bool {
    name == schema.keyField || vectors.contains { $0.field.name == name }
  }

  /// Whether it is null, and the field has a value for that.
  private func isDefault(_ member: JSONObject.Member) -> Bool {
    member.value == .null && definition.field(member.key)?.defaultValue != nil
  }

  /// - Returns: `nil` for null.
  private func vector(of target: VectorTarget, _ row: JSONObject, _ index: Int) throws(MilvusError)
    -> [Float]?
  {
    let (name, type) = (target.field.name, target.field.type)
    guard let value = row[name], value != .null else {
      if target.field.isNullable { return nil }
      throw .insertData(
        "row \(index): field '\(name)' is missing; expected an array of \(target.dimension) numbers")
    }
    guard var vector = value.floats else {
      throw .insertData("row \(index): field '\(name)': expected an array of numbers, got \(value.kind)")
    }
    guard vector.count == target.dimension else {
      throw .insertData(
        "[]float32 size \(vector.count) doesn't equal to vector dimension \(target.dimension) of \(type.name) (row \(index))"
      )
    }
    guard type != .floatVector else { return vector }
    for place in vector.indices {
      guard let nearest = DenseVectors.nearest(vector[place], type) else {
        throw .insertData("row \(index): field '\(name)': \(vector[place]) does not fit in \(type.name)")
      }
      vector[place] = nearest
    }
    return vector
  }

  private func append(keyOf row: JSONObject, _ index: Int, to batch: inout PointBatch) throws(MilvusError) {
    let name = schema.keyField
    guard let value = row[name], value != .null else {
      if schema.automaticKeys, !namesKeys { return }
      throw .insertData(
        "row \(index): field '\(name)' is missing; expected a primary key (\(schema.keyKind.milvusName))")
    }
    if schema.automaticKeys, !namesKeys {
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
    for member in row.members where !isOwn(member.key) && !isDefault(member) {
      json.member(member.key, raw: try checkedText(of: member, index))
    }
    for field in definition.payloadFields where (row[field.name] ?? .null) == .null {
      // Null without a default value has been written.
      if row[field.name] != nil, field.defaultValue == nil { continue }
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
  /// A member's value as it came, but for int64 that was written as text, which clients do whose numbers are doubles.
  fileprivate func checkedText(of member: JSONObject.Member, _ index: Int) throws(MilvusError) -> String {
    if case .string(let text) = member.value, definition.field(member.key)?.type == .int64,
      let number = Int64(text)
    {
      return String(number)
    }
    try check(member, index)
    if case .string(let text) = member.value, definition.field(member.key)?.type == .timestamp,
      let stored = TimestampText.stored(text)
    {
      return "\"\(stored)\""
    }
    if let field = definition.field(member.key), field.type.isPayloadVector, member.value != .null {
      do { return "\"\(try PayloadVector.text(member.value, field))\"" } catch {
        throw .insertData("row \(index): field '\(field.name)': \(error.text)")
      }
    }
    return body.text(member.text)
  }

  private func check(_ member: JSONObject.Member, _ index: Int) throws(MilvusError) {
    if let field = definition.field(member.key) {
      guard !outputs.contains(field.name) else {
        throw .insertData(
          "row \(index): field '\(field.name)' is the output of a function, and no data may be given for it")
      }
      if field.type.isPayloadVector, member.value != .null { return }
      if let fault = field.fault(of: member.value) {
        throw .insertData("row \(index): field '\(field.name)': \(fault)")
      }
    } else if !definition.isDynamic {
      throw .insertData(
        "row \(index): has pass more field without dynamic schema, please check it: '\(member.key)'")
    }
    guard member.key != CollectionDefinition.dynamicField, member.key != PartitionField.name,
      !TextVector.isMember(member.key)
    else {
      throw .insertData(
        "row \(index): use the invalid field name(\(member.key)) when enable dynamicField: invalid parameter")
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
    case (.mixed, .string(let text)): .mixed(text)
    default: nil
    }
  }
}
