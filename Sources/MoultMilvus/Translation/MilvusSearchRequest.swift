internal import MoultModel
internal import MoultServer

/// `entities/search`, and what of it Moult can do.
struct MilvusSearchRequest {
  var collection: String
  var outputFields: [String]
  private var data: [JSON]?
  private var ids: [JSON]?
  private var annsField: String
  private var filter: String
  private var limit: Int
  private var offset: Int
  private var groupingField: String
  private var partitions: [String]
  private var consistencyLevel: String
  private var parameters: Parameters

  /// `searchParams` on one level or two: its members and those of its `params`.
  private struct Parameters {
    var metricType = ""
    var ef: Int?
    var probes: Int?
    var exact = false
    var oversampling: Double?
    var hasRange = false

    init(_ fields: RequestFields?) throws {
      guard let fields else { return }
      let inner = try fields.fields("params")
      metricType = try fields.string("metricType") ?? fields.string("metric_type") ?? ""
      for level in [fields, inner].compactMap({ $0 }) {
        ef = try level.int("ef") ?? ef
        probes = try level.int("nprobe") ?? probes
        exact = try level.bool("exact") ?? exact
        oversampling = try level.double("oversampling") ?? oversampling
        hasRange = hasRange || level["radius"] != nil || level["range_filter"] != nil
      }
    }
  }

  init(_ fields: inout MilvusFields) throws {
    let values = fields.fields
    collection = try fields.requiredString("collectionName")
    data = try Self.vectors(values)
    ids = try values.array("ids")
    annsField = try fields.string("annsField")
    filter = try fields.string("filter")
    limit = try values.int("limit") ?? 100
    offset = try values.int("offset") ?? 0
    outputFields = try fields.strings("outputFields") ?? []
    groupingField = try fields.string("groupingField")
    partitions = try fields.strings("partitionNames") ?? []
    consistencyLevel = try fields.string("consistencyLevel")
    parameters = try Parameters(try values.fields("searchParams"))
  }

  private static func vectors(_ fields: RequestFields) throws(MoultError) -> [JSON]? {
    guard let value = fields["data"] else { return nil }
    switch value {
    case .array(let vectors): return vectors
    case .floats: throw fields.failure("data", "expected an array of vectors, got one vector; write [[…]]")
    default: throw fields.mismatch("data", expected: "an array of vectors", value)
    }
  }

  func searchRequest(_ schema: CollectionSchema, _ output: OutputFields) throws -> SearchRequest {
    try MilvusAPI.checkPartitions(partitions)
    if data?.isEmpty == false, ids?.isEmpty == false {
      throw MilvusError.invalidParameter("either data or ids may be given, not both")
    }
    if ids?.isEmpty == false {
      throw MilvusError.invalidParameter(
        "a search by ids is not supported by this version of Moult; send vectors in 'data'")
    }
    guard let data, !data.isEmpty else { throw MilvusError.missing("data or ids is required for search") }
    try check(schema)
    return SearchRequest(
      queries: try queries(data, schema), dimension: schema.dimension, limit: limit, offset: offset,
      ef: parameters.ef, probes: parameters.probes, exact: parameters.exact,
      oversampling: parameters.oversampling,
      includePayload: output.includesPayload, includeVectors: output.includesVector)
  }

  /// Refuses what cannot be done: a search that passes over a condition answers a question nobody asked.
  private func check(_ schema: CollectionSchema) throws {
    guard annsField.isEmpty || annsField == schema.vectorField else {
      throw MilvusError.invalidParameter(
        "failed to create query plan: failed to get field schema by name: fieldName(\(annsField)) not found")
    }
    guard filter.allSatisfy(\.isWhitespace) else {
      throw MilvusError.invalidParameter(
        """
        failed to create query plan: cannot parse expression: \(filter), error: this version of Moult searches \
        without filters only
        """)
    }
    guard groupingField.isEmpty else {
      throw MilvusError.invalidParameter("groupingField is not supported by this version of Moult")
    }
    guard !parameters.hasRange else {
      throw MilvusError.invalidParameter("radius and range_filter are not supported by this version of Moult")
    }
    let levels = ["", "strong", "session", "bounded", "eventually", "customized"]
    guard levels.contains(consistencyLevel.lowercased()) else {
      throw MilvusError.invalidParameter(
        "parameter:'\(consistencyLevel)' is incorrect",
        expected: "Strong, Session, Bounded, Eventually, Customized",
        actual: consistencyLevel)
    }
    let metric = schema.metric.milvusName
    guard parameters.metricType.isEmpty || parameters.metricType.uppercased() == metric else {
      throw MilvusError.invalidParameter(
        "metric type not match", expected: metric, actual: parameters.metricType)
    }
    guard (1...16_384).contains(limit) else {
      throw MilvusError.invalidParameter(
        "topk [\(limit)] is invalid, it should be in range [1, 16384], but got \(limit)")
    }
    guard offset >= 0, offset <= 16_384 - limit else {
      throw MilvusError.invalidParameter(
        "(offset+limit) should be in range [1, 16384], but got \(offset.addingReportingOverflow(limit).partialValue)"
      )
    }
  }

  private func queries(_ data: [JSON], _ schema: CollectionSchema) throws -> [Float] {
    guard data.count <= 16_384 else {
      throw MilvusError.invalidParameter(
        "nq [\(data.count)] is invalid, nq (number of search vector per search request) should be in range [1, 16384], but got \(data.count)"
      )
    }
    var queries: [Float] = []
    queries.reserveCapacity(data.count * schema.dimension)
    for (index, value) in data.enumerated() {
      guard let query = value.floats else {
        throw MilvusError.badFormat("field 'data[\(index)]': expected an array of numbers, got \(value.kind)")
      }
      guard query.count == schema.dimension else {
        throw MilvusError.badFormat(
          """
          dimension: \(schema.dimension), but length of []float: \(query.count): invalid parameter\
          [expected=FloatVector][actual=data[\(index)]]
          """)
      }
      queries.append(contentsOf: query)
    }
    return queries
  }
}
