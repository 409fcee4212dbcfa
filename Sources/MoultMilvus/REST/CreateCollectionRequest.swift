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
      var definition = try schema.definition()
      try definition.setPartitionKeyCount(try params?.int("partitionsNum") ?? 0)
      return NewCollection(
        name: collection, definition: definition,
        summary: schema.description.isEmpty ? description : schema.description)
    }
    let type: MilvusType? = vectorFieldType.isEmpty ? .floatVector : MilvusType(name: vectorFieldType)
    guard let type, type.isVector else {
      throw MilvusError.invalidParameter(
        "vectorFieldType \(vectorFieldType) is no vector type",
        expected: "FloatVector, Float16Vector, BFloat16Vector, Int8Vector, BinaryVector, SparseFloatVector",
        actual: vectorFieldType)
    }
    guard dimension != 0 || type == .sparseFloatVector else {
      throw MilvusError.missing(
        """
        dimension is required for quickly create collection(default metric type: COSINE): \
        invalid parameter[expected=collectionName & dimension][actual=collectionName]
        """)
    }
    // Of the other types what the index says is checked below.
    let metric = type.isDenseVector ? try Self.metric(metricType) : nil
    let key = keyField.isEmpty ? "id" : keyField
    let quick = CollectionSchema(
      dimension: dimension, metric: metric ?? .squaredEuclidean, keyKind: try Self.keyKind(idType),
      automaticKeys: automaticKeys,
      keyField: key, vectorField: vectorField.isEmpty ? "vector" : vectorField, summary: description)
    var definition = CollectionDefinition(quick: quick)
    for place in definition.fields.indices where definition.fields[place].type.isVector {
      definition.fields[place].type = type
      if type == .sparseFloatVector { definition.fields[place].parameters = [] }
      if type.isPayloadVector {
        definition.indexes = [try Self.index(of: definition.fields[place], metricType, definition)]
      }
    }
    return NewCollection(
      name: collection, definition: definition, summary: description, metric: metric)
  }

  /// Of the schema form: each field once.
  var indexes: [IndexRequest] {
    get throws { schema == nil ? [] : try indexParams.map(IndexRequest.init) }
  }

  /// What would change the meaning of data and cannot be kept yet must not be passed over.
  private func refuseWhatIsNotKept() throws {
    if let dynamic = params?["enableDynamicField"], dynamic == .bool(false) || dynamic == .string("false") {
      throw MilvusError.invalidParameter(
        "enableDynamicField cannot be switched off in this version of Moult", expected: "true",
        actual: "false")
    }
    if let ttl = params?["ttlSeconds"], ttl != .int(0) && ttl != .string("0") {
      throw MilvusError.invalidParameter("ttlSeconds is not supported by this version of Moult")
    }
  }

  /// HAMMING of bits and IP of sparse vectors, unless another one is named.
  private static func index(
    of field: CollectionDefinition.Field, _ metricType: String, _ definition: CollectionDefinition
  ) throws -> CollectionDefinition.Index {
    var bare = definition
    bare.indexes = []
    let target = try PayloadTarget(field, bare)
    let metric = metricType.isEmpty ? target.defaultMetric.rawValue : metricType.uppercased()
    let index = CollectionDefinition.Index(
      name: field.name, field: field.name,
      parameters: [.init(key: "index_type", value: "AUTOINDEX"), .init(key: "metric_type", value: metric)])
    try target.check(index)
    return index
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
