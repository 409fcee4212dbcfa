internal import MoultModel
internal import MoultServer

/// New values for some fields of a point; the fields that it does not name keep theirs.
struct PartialRow: Sendable {
  var id: PointID
  /// By field; `nil` where a vector is taken away.
  var vectors: [String: [Float]?]
  /// Scalar and dynamic fields, their values as JSON; of the same name the last counts.
  var members: [(name: String, text: String)]

  /// What a stored point becomes.
  ///
  /// - Parameters:
  ///   - stored: `nil` for an id that is not stored; the row must then be a whole one.
  ///   - operations: by field, of arrays.
  /// - Throws: 1100 when a field is missing that neither the row nor the stored point has, or an array does not fit.
  func merged(
    with stored: Point?, of collection: DescribedCollection, operations: [String: ArrayOperation] = [:]
  ) throws -> (vectors: [String: [Float]], payload: String) {
    var merged = stored?.vectors(collection.info.schema) ?? [:]
    for (field, vector) in vectors { merged[field] = vector }
    for field in collection.definition.denseVectors where merged[field.name] == nil && !field.isNullable {
      throw missing(field.name)
    }
    let bytes = Array((stored?.payload ?? "").utf8)
    // It was checked when it was stored; a payload that cannot be read has no members.
    let present = (try? JSONReader.parse(bytes))?.object ?? JSONObject()
    var texts: [String: String] = [:]
    for member in members { texts[member.name] = member.text }
    for (name, operation) in operations {
      guard let text = texts[name], let field = collection.definition.field(name) else { continue }
      texts[name] = try operation.applied(to: present[name], text, field, of: id)
    }
    var json = JSONWriter(capacity: 128)
    json.beginObject()
    var written = Set<String>()
    for member in present.members where texts[member.key] == nil {
      json.key(member.key)
      json.raw(bytes[member.text])
      written.insert(member.key)
    }
    for member in members where written.insert(member.name).inserted {
      json.member(member.name, raw: texts[member.name] ?? member.text)
    }
    for field in collection.definition.payloadFields where !written.contains(field.name) {
      if let value = field.defaultValue, stored == nil {
        json.member(field.name, raw: value)
      } else if !field.isNullable, stored == nil {
        throw missing(field.name)
      }
    }
    json.endObject()
    return (merged, json.bytes.count == 2 ? "" : String(decoding: json.bytes, as: UTF8.self))
  }

  private func missing(_ field: String) -> MilvusError {
    .invalidParameter(
      "entity \(id) is not stored, so a partial update of it needs every field; \(field) is missing")
  }
}
