internal import MoultServer

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
