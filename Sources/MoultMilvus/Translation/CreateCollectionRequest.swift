internal import MoultModel
internal import MoultServer

/// `collections/create`: the quick form, and of the schema form what Moult can hold.
struct CreateCollectionRequest {
  var collection: String
  private var dimension: Int
  private var metricType: String
  private var idType: String
  private var automaticKeys: Bool
  private var keyField: String
  private var vectorField: String
  private var vectorFieldType: String
  private var description: String
  private var schema: SchemaForm?
  private var params: RequestFields?
  private var indexParams: [RequestFields]

  init(_ fields: inout MilvusFields) throws {
    let values = fields.fields
    collection = try fields.requiredString("collectionName")
    dimension = try values.int("dimension") ?? 0
    metricType = try fields.string("metricType")
    idType = try fields.string("idType")
    automaticKeys = try values.bool("autoID") ?? false
    keyField = try fields.string("primaryFieldName")
    vectorField = try fields.string("vectorFieldName")
    vectorFieldType = try fields.string("vectorFieldType")
    description = try fields.string("description")
    params = try values.fields("params")
    schema = try values.fields("schema").map { try SchemaForm($0) }
    indexParams = try (fields.objects("indexParams") ?? []).map { RequestFields($0, ignoresCase: true) }
    if schema?.fields.isEmpty == true { schema = nil }
  }

  func collectionSchema() throws -> CollectionSchema {
    if let schema { return try collectionSchema(of: schema) }
    guard dimension != 0 else {
      throw MilvusError.missing(
        """
        dimension is required for quickly create collection(default metric type: COSINE): \
        invalid parameter[expected=collectionName & dimension][actual=collectionName]
        """)
    }
    try refuseWhatIsNotKept()
    return CollectionSchema(
      dimension: try Self.checked(dimension), metric: try Self.metric(metricType),
      keyKind: try Self.keyKind(idType), automaticKeys: automaticKeys,
      keyField: keyField.isEmpty ? "id" : keyField,
      vectorField: try Self.vectorField(vectorField.isEmpty ? "vector" : vectorField, beside: keyField),
      summary: description)
  }

  /// What would change the meaning of data and cannot be kept yet must not be passed over.
  private func refuseWhatIsNotKept() throws {
    guard vectorFieldType.isEmpty || vectorFieldType.lowercased() == "floatvector" else {
      throw MilvusError.invalidParameter(
        "vectorFieldType \(vectorFieldType) is not supported by this version of Moult",
        expected: "FloatVector",
        actual: vectorFieldType)
    }
    if let dynamic = params?["enableDynamicField"], dynamic == .bool(false) || dynamic == .string("false") {
      throw MilvusError.invalidParameter(
        "enableDynamicField cannot be switched off in this version of Moult", expected: "true",
        actual: "false")
    }
    if let ttl = params?["ttlSeconds"], ttl != .int(0) && ttl != .string("0") {
      throw MilvusError.invalidParameter("ttlSeconds is not supported by this version of Moult")
    }
  }

  private func collectionSchema(of form: SchemaForm) throws -> CollectionSchema {
    let later =
      "is not supported by this version of Moult, which holds one primary key, one FloatVector and dynamic fields"
    guard form.enableDynamicField else {
      throw MilvusError.invalidParameter("a schema without enableDynamicField \(later)")
    }
    try refuseWhatIsNotKept()
    var key: SchemaForm.Field?
    var vector: SchemaForm.Field?
    for field in form.fields {
      if field.isPrimary, key == nil {
        key = field
      } else if !field.isPrimary, field.dataType.lowercased() == "floatvector", vector == nil {
        vector = field
      } else {
        throw MilvusError.invalidParameter("field \(field.name) of type \(field.dataType) \(later)")
      }
    }
    guard let key else { throw MilvusError.invalidParameter("primary key is not specified") }
    guard let vector else {
      throw MilvusError.invalidParameter("schema does not contain vector field")
    }
    let index = indexParams.first { $0["fieldName"]?.string == vector.name }
    return CollectionSchema(
      dimension: try Self.checked(vector.dimension),
      metric: try Self.metric(try index?.string("metricType") ?? ""),
      keyKind: try Self.keyKind(key.dataType), automaticKeys: form.automaticKeys || key.automaticKeys,
      keyField: key.name, vectorField: try Self.vectorField(vector.name, beside: key.name),
      summary: form.description.isEmpty ? description : form.description)
  }

  private static func checked(_ dimension: Int) throws -> Int {
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw MilvusError.invalidParameter(
        "invalid dimension: \(dimension). should be in range 1 ~ \(CollectionSchema.dimensionRange.upperBound)"
      )
    }
    return dimension
  }

  private static func metric(_ text: String) throws -> Metric {
    guard !text.isEmpty else { return .cosine }
    guard let metric = Metric(milvusName: text) else {
      throw MilvusError.invalidParameter(
        "float vector index does not support metric type: \(text)", expected: "COSINE, IP, L2", actual: text)
    }
    return metric
  }

  private static func keyKind(_ text: String) throws -> CollectionSchema.KeyKind {
    switch text.lowercased() {
    case "", "int64": return .int64
    case "varchar": return .string
    default:
      throw MilvusError.invalidParameter(
        "idType can only be [Int64, VarChar], default: Int64", expected: "Int64, Varchar", actual: text)
    }
  }

  private static func vectorField(_ name: String, beside keyField: String) throws -> String {
    guard name != (keyField.isEmpty ? "id" : keyField) else {
      throw MilvusError.invalidParameter("duplicated field name: \(name)")
    }
    return name
  }
}

/// `schema` of `collections/create`.
private struct SchemaForm {
  struct Field {
    var name: String
    var dataType: String
    var isPrimary: Bool
    var automaticKeys: Bool
    var dimension: Int
  }

  var automaticKeys: Bool
  var enableDynamicField: Bool
  var description: String
  var fields: [Field] = []

  init(_ schema: RequestFields) throws {
    automaticKeys = try schema.bool("autoID") ?? false
    enableDynamicField = try schema.bool("enableDynamicField") ?? false
    description = try schema.string("description") ?? ""
    for (index, value) in (try schema.array("fields") ?? []).enumerated() {
      guard let object = value.object else {
        throw schema.mismatch("fields[\(index)]", expected: "an object", value)
      }
      let field = RequestFields(object, path: "schema.fields[\(index)].", ignoresCase: true)
      fields.append(
        Field(
          name: try field.string("fieldName") ?? "", dataType: try field.string("dataType") ?? "",
          isPrimary: try field.bool("isPrimary") ?? false, automaticKeys: try field.bool("autoID") ?? false,
          dimension: Self.number(try field.fields("elementTypeParams")?["dim"])))
    }
  }

  /// A number, or the text of one: clients send both.
  private static func number(_ json: JSON?) -> Int {
    switch json {
    case .int(let value): Int(clamping: value)
    case .string(let text): Int(text) ?? 0
    default: 0
    }
  }
}
