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
    case .string, .mixed: "VarChar"
    }
  }
}

/// A collection as `collections/describe` tells of it.
enum SchemaTranslation {
  /// - Parameter name: what the client asked for, which may be an alias.
  static func write(_ collection: DescribedCollection, askedAs name: String, to json: inout JSONWriter) {
    let (info, definition) = (collection.info, collection.definition)
    json.beginObject()
    json.key("aliases")
    json.value(strings: info.aliases)
    json.member("autoId", info.schema.automaticKeys)
    json.member("collectionID", info.id)
    json.member("collectionName", name)
    json.member("consistencyLevel", consistencyName(definition.consistencyLevel))
    json.member("description", info.schema.summary)
    json.member("enableDynamicField", definition.isDynamic)
    json.key("fields")
    json.beginArray()
    let outputs = definition.functionOutputs
    for field in definition.fields {
      write(field, id: definition.id(of: field), isOutput: outputs.contains(field.name), to: &json)
    }
    json.endArray()
    json.key("functions")
    json.beginArray()
    for (place, function) in definition.allFunctions.enumerated() { write(function, place, to: &json) }
    json.endArray()
    json.key("indexes")
    json.beginArray()
    for index in definition.indexes {
      json.beginObject()
      json.member("fieldName", index.field)
      json.member("indexName", index.name)
      json.member("metricType", IndexKind.value("metric_type", in: index) ?? "")
      json.endObject()
    }
    json.endArray()
    json.member("load", collection.loadState)
    json.member("partitionsNum", definition.partitionCount)
    json.key("properties")
    write(definition.properties, to: &json)
    json.member("shardsNum", 1)
    json.key("structFields")
    json.value(strings: [])
    json.endObject()
  }

  static func consistencyName(_ level: Int) -> String {
    let names = ["Strong", "Session", "Bounded", "Eventually", "Customized"]
    return names.indices.contains(level) ? names[level] : "Bounded"
  }

  private static func write(_ parameters: [CollectionDefinition.Parameter], to json: inout JSONWriter) {
    json.beginArray()
    for parameter in parameters {
      json.beginObject()
      json.member("key", parameter.key)
      json.member("value", parameter.value)
      json.endObject()
    }
    json.endArray()
  }

  private static func write(
    _ function: CollectionDefinition.Function, _ place: Int, to json: inout JSONWriter
  ) {
    json.beginObject()
    json.member("description", function.summary)
    json.member("id", CollectionDefinition.firstFunctionID + place)
    json.key("inputFieldNames")
    json.value(strings: function.inputs)
    json.member("name", function.name)
    json.key("outputFieldNames")
    json.value(strings: function.outputs)
    json.key("params")
    write(function.parameters, to: &json)
    json.member("type", CollectionDefinition.bm25)
    json.endObject()
  }

  private static func write(
    _ field: CollectionDefinition.Field, id: Int64, isOutput: Bool, to json: inout JSONWriter
  ) {
    json.beginObject()
    json.member("autoId", field.automaticKeys)
    json.member("clusteringKey", field.isClusteringKey)
    if let value = field.defaultValue {
      json.key("defaultValue")
      json.raw(value)
    }
    json.member("description", field.summary)
    if let type = field.elementType { json.member("elementType", type.name) }
    json.member("id", id)
    if isOutput { json.member("isFunctionOutput", true) }
    json.member("name", field.name)
    json.member("nullable", field.isNullable)
    if !field.parameters.isEmpty {
      json.key("params")
      write(field.parameters, to: &json)
    }
    json.member("partitionKey", field.isPartitionKey)
    json.member("primaryKey", field.isPrimary)
    json.member("type", field.type.name)
    json.endObject()
  }
}

extension DescribedCollection {
  var loadState: String {
    info.ready ? definition.isLoaded ? "LoadStateLoaded" : "LoadStateNotLoad" : "LoadStateLoading"
  }
}
