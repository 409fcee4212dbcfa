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

  func newCollection() throws -> NewCollection {
    try refuseWhatIsNotKept()
    if let schema {
      return NewCollection(
        name: collection, definition: try schema.definition(),
        summary: schema.description.isEmpty ? description : schema.description)
    }
    guard dimension != 0 else {
      throw MilvusError.missing(
        """
        dimension is required for quickly create collection(default metric type: COSINE): \
        invalid parameter[expected=collectionName & dimension][actual=collectionName]
        """)
    }
    let metric = try Self.metric(metricType)
    let key = keyField.isEmpty ? "id" : keyField
    let quick = CollectionSchema(
      dimension: dimension, metric: metric, keyKind: try Self.keyKind(idType), automaticKeys: automaticKeys,
      keyField: key, vectorField: vectorField.isEmpty ? "vector" : vectorField, summary: description)
    return NewCollection(
      name: collection, definition: CollectionDefinition(quick: quick), summary: description, metric: metric)
  }

  /// Of the schema form: each field once.
  var indexes: [IndexRequest] {
    get throws { schema == nil ? [] : try indexParams.map(IndexRequest.init) }
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
}

/// One of `indexParams`, or what `indexes/create` asks for.
struct IndexRequest {
  var field: String
  var name: String
  var parameters: [CollectionDefinition.Parameter]

  init(_ fields: RequestFields) throws {
    field = try fields.string("fieldName") ?? ""
    name = try fields.string("indexName") ?? ""
    parameters = []
    let inner = try fields.fields("params")
    let type = try fields.string("indexType") ?? inner?.string("index_type") ?? ""
    let metric = try fields.string("metricType") ?? inner?.string("metric_type") ?? ""
    if !type.isEmpty { parameters.append(.init(key: "index_type", value: type)) }
    if !metric.isEmpty { parameters.append(.init(key: "metric_type", value: metric)) }
    for member in inner?.object.members ?? [] where !["index_type", "metric_type"].contains(member.key) {
      parameters.append(.init(key: member.key, value: JSONParameter.text(member.value)))
    }
  }
}

/// Parameters that clients write as numbers, booleans or texts are kept as text.
enum JSONParameter {
  static func text(_ json: JSON) -> String {
    if let text = json.string { return text }
    var writer = JSONWriter()
    writer.value(json)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  static func list(_ fields: RequestFields?) -> [CollectionDefinition.Parameter] {
    (fields?.object.members ?? []).map { .init(key: $0.key, value: text($0.value)) }
  }
}

/// `schema` of `collections/create`.
private struct SchemaForm {
  var automaticKeys: Bool
  var enableDynamicField: Bool
  var description: String
  var fields: [CollectionDefinition.Field] = []

  init(_ schema: RequestFields) throws {
    automaticKeys = try schema.bool("autoID") ?? false
    enableDynamicField = try schema.bool("enableDynamicField") ?? false
    description = try schema.string("description") ?? ""
    for (index, value) in (try schema.array("fields") ?? []).enumerated() {
      guard let object = value.object else {
        throw schema.mismatch("fields[\(index)]", expected: "an object", value)
      }
      fields.append(
        try Self.field(RequestFields(object, path: "schema.fields[\(index)].", ignoresCase: true)))
    }
  }

  private static func field(_ fields: RequestFields) throws -> CollectionDefinition.Field {
    let typeName = try fields.string("dataType") ?? ""
    guard let type = MilvusType(name: typeName) else {
      throw MilvusError.invalidParameter("data type \(typeName) is invalid(case sensitive).")
    }
    var field = CollectionDefinition.Field(name: try fields.string("fieldName") ?? "", type: type)
    field.elementType = try fields.string("elementDataType").flatMap(MilvusType.init(name:))
    field.isPrimary = try fields.bool("isPrimary") ?? false
    field.automaticKeys = try fields.bool("autoID") ?? false
    field.isPartitionKey = try fields.bool("isPartitionKey") ?? false
    field.isClusteringKey = try fields.bool("isClusteringKey") ?? false
    field.isNullable = try fields.bool("nullable") ?? false
    field.summary = try fields.string("description") ?? ""
    field.parameters = JSONParameter.list(try fields.fields("elementTypeParams"))
    if let value = fields["defaultValue"] {
      if let fault = field.fault(of: value) {
        throw MilvusError.invalidParameter("default value of field \(field.name): \(fault)")
      }
      var writer = JSONWriter()
      writer.value(value)
      field.defaultValue = String(decoding: writer.bytes, as: UTF8.self)
    }
    return field
  }

  func definition() throws -> CollectionDefinition {
    var fields = fields
    if automaticKeys, let key = fields.firstIndex(where: \.isPrimary) { fields[key].automaticKeys = true }
    return CollectionDefinition(fields: fields, isDynamic: enableDynamicField)
  }
}
