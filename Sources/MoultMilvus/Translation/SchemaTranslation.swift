internal import MoultModel
internal import MoultServer

extension Metric {
  var milvusName: String {
    switch self {
    case .cosine: "COSINE"
    case .innerProduct: "IP"
    case .squaredEuclidean: "L2"
    }
  }

  init?(milvusName: String) {
    guard let metric = Metric.allCases.first(where: { $0.milvusName == milvusName.uppercased() }) else {
      return nil
    }
    self = metric
  }
}

extension CollectionSchema.KeyKind {
  var milvusName: String {
    switch self {
    case .int64: "Int64"
    case .string: "VarChar"
    }
  }
}

/// A collection as `collections/describe` tells of it.
enum SchemaTranslation {
  /// The longest VarChar there is; Moult's string keys have no limit of their own.
  private static let varCharLengthMax = 65_535

  /// - Parameter name: what the client asked for, which may be an alias.
  static func write(_ info: CollectionInfo, askedAs name: String, to json: inout JSONWriter) {
    let schema = info.schema
    json.beginObject()
    json.key("aliases")
    json.value(strings: info.aliases)
    json.member("autoId", schema.automaticKeys)
    json.member("collectionID", info.id)
    json.member("collectionName", name)
    json.member("consistencyLevel", "Bounded")
    json.member("description", schema.summary)
    json.member("enableDynamicField", true)
    json.key("fields")
    json.beginArray()
    writeField(
      name: schema.keyField, id: 100, type: schema.keyKind.milvusName, isPrimary: true,
      automaticKeys: schema.automaticKeys,
      parameter: schema.keyKind == .string ? ("max_length", varCharLengthMax) : nil, to: &json)
    writeField(
      name: schema.vectorField, id: 101, type: "FloatVector", isPrimary: false, automaticKeys: false,
      parameter: ("dim", schema.dimension), to: &json)
    json.endArray()
    json.key("functions")
    json.value(strings: [])
    json.key("indexes")
    json.beginArray()
    json.beginObject()
    json.member("fieldName", schema.vectorField)
    json.member("indexName", schema.vectorField)
    json.member("metricType", schema.metric.milvusName)
    json.endObject()
    json.endArray()
    json.member("load", info.ready ? "LoadStateLoaded" : "LoadStateLoading")
    json.member("partitionsNum", 1)
    json.key("properties")
    json.value(strings: [])
    json.member("shardsNum", 1)
    json.key("structFields")
    json.value(strings: [])
    json.endObject()
  }

  private static func writeField(
    name: String, id: Int, type: String, isPrimary: Bool, automaticKeys: Bool, parameter: (String, Int)?,
    to json: inout JSONWriter
  ) {
    json.beginObject()
    json.member("autoId", automaticKeys)
    json.member("clusteringKey", false)
    json.member("description", "")
    json.member("id", id)
    json.member("name", name)
    json.member("nullable", false)
    if let (key, value) = parameter {
      json.key("params")
      json.beginArray()
      json.beginObject()
      json.member("key", key)
      json.member("value", String(value))
      json.endObject()
      json.endArray()
    }
    json.member("partitionKey", false)
    json.member("primaryKey", isPrimary)
    json.member("type", type)
    json.endObject()
  }
}
