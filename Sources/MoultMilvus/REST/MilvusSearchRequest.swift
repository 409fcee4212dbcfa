internal import MoultModel
internal import MoultServer

/// `entities/search`.
struct MilvusSearchRequest {
  var collection: String
  var outputFields: [String]
  private var data: [JSON]?
  private var ids: [JSON]?
  private var consistencyLevel: String
  private var search: MilvusSearch
  private var functions: [RankFunction] = []
  private var functionParameters: [String: String] = [:]

  /// The vector field that is searched; empty where it is not said.
  var field: String { search.field }

  init(_ fields: inout MilvusFields) throws {
    let values = fields.fields
    collection = try fields.requiredString("collectionName")
    data = try Self.vectors(values)
    ids = try values.array("ids")
    outputFields = try fields.strings("outputFields") ?? []
    consistencyLevel = try fields.string("consistencyLevel")
    search = MilvusSearch(queries: .none, limit: try values.int("limit") ?? 100)
    search.offset = try values.int("offset") ?? 0
    search.field = try fields.string("annsField")
    search.filter = try fields.string("filter")
    search.templates = MilvusFields.templates(try values.fields("exprParams"))
    search.groupingField = try fields.string("groupingField")
    search.groupSize = try values.int("groupSize") ?? 1
    search.partitions = try fields.strings("partitionNames") ?? []
    search.order = try fields.strings("orderByFields") ?? []
    try readParameters(try values.fields("searchParams"))
    (functions, functionParameters) = try RankFunction.list(try values.fields("functionScore"))
  }

  /// One of several searches in a request.
  ///
  /// - Parameter limit: of hits, unless the part says it.
  init(part values: RequestFields, limit: Int, partitions: [String]) throws {
    let fields = MilvusFields(values, type: "")
    collection = ""
    outputFields = []
    consistencyLevel = ""
    data = try Self.vectors(values)
    search = MilvusSearch(queries: .none, limit: try values.int("limit") ?? limit)
    search.field = try fields.string("annsField")
    search.filter = try fields.string("filter")
    search.templates = MilvusFields.templates(try values.fields("exprParams"))
    search.partitions = partitions
    for name in ["searchParams", "params"] { try readParameters(try values.fields(name)) }
    let metricType = try fields.string("metricType")
    if !metricType.isEmpty { search.metricType = metricType }
  }

  /// What else is done with the hits.
  func ranking(in collection: DescribedCollection) throws -> MilvusRanking {
    try MilvusRanking(functions, parameters: functionParameters, in: collection)
  }

  /// `searchParams` on one level or two: its members and those of its `params`.
  private mutating func readParameters(_ fields: RequestFields?) throws {
    guard let fields else { return }
    search.metricType =
      try fields.string("metricType") ?? fields.string("metric_type") ?? search.metricType
    for level in [fields, try fields.fields("params")].compactMap({ $0 }) {
      search.parameters.ef = try level.int("ef") ?? search.parameters.ef
      search.parameters.probes = try level.int("nprobe") ?? search.parameters.probes
      search.parameters.exact = try level.bool("exact") ?? search.parameters.exact
      search.parameters.oversampling = try level.double("oversampling") ?? search.parameters.oversampling
      search.parameters.radius = try level.double("radius") ?? search.parameters.radius
      search.parameters.rangeFilter = try level.double("range_filter") ?? search.parameters.rangeFilter
      search.parameters.dropRatio = try level.double(PayloadTarget.dropRatio) ?? search.parameters.dropRatio
      search.parameters.k1 = try level.double(PayloadTarget.k1) ?? search.parameters.k1
      search.parameters.b = try level.double(PayloadTarget.b) ?? search.parameters.b
    }
  }

  private static func vectors(_ fields: RequestFields) throws(MoultError) -> [JSON]? {
    guard let value = fields["data"] else { return nil }
    switch value {
    case .array(let vectors): return vectors
    case .floats: throw fields.failure("data", "expected an array of vectors, got one vector; write [[…]]")
    default: throw fields.mismatch("data", expected: "an array of vectors", value)
    }
  }

  /// - Parameter stored: looks up what is stored under ids.
  func search(
    _ target: SearchTarget, _ schema: CollectionSchema,
    stored: ([PointID]) async throws -> SearchQueries
  ) async throws -> MilvusSearch {
    if data?.isEmpty == false, ids?.isEmpty == false {
      throw MilvusError.invalidParameter("either data or ids may be given, not both")
    }
    guard data?.isEmpty == false || ids?.isEmpty == false else {
      throw MilvusError.missing("data or ids is required for search")
    }
    let levels = ["", "strong", "session", "bounded", "eventually", "customized"]
    guard levels.contains(consistencyLevel.lowercased()) else {
      throw MilvusError.invalidParameter(
        "parameter:'\(consistencyLevel)' is incorrect",
        expected: "Strong, Session, Bounded, Eventually, Customized",
        actual: consistencyLevel)
    }
    var search = search
    if let ids, !ids.isEmpty {
      search.queries = try await stored(try keys(ids, schema))
    } else {
      search.queries = try queries(data ?? [], target)
    }
    return search
  }

  private func keys(_ ids: [JSON], _ schema: CollectionSchema) throws -> [PointID] {
    try ids.enumerated().map { index, value in
      guard let id = schema.keyKind.pointID(value) else {
        throw MilvusError.badFormat(
          "field 'ids[\(index)]': expected \(schema.keyKind.milvusName), got \(value.kind)")
      }
      return id
    }
  }

  private func queries(_ data: [JSON], _ target: SearchTarget) throws -> SearchQueries {
    guard data.count <= MilvusOperations.countMax else {
      throw MilvusError.invalidParameter(
        "nq [\(data.count)] is invalid, nq (number of search vector per search request) should be in range [1, 16384], but got \(data.count)"
      )
    }
    switch target {
    case .dense(let target):
      let texts = data.compactMap(\.string)
      if !texts.isEmpty, texts.count == data.count { return .texts(texts) }
      return .dense(try floats(data, target), dimension: target.dimension)
    case .payload(let target):
      var queries: [PayloadSearch.Query] = []
      for (index, value) in data.enumerated() {
        do { queries.append(try Self.query(value, target)) } catch {
          throw MilvusError.badFormat("field 'data[\(index)]': \(error.text)")
        }
      }
      return .payload(queries)
    }
  }

  private static func query(_ value: JSON, _ target: PayloadTarget) throws(VectorFault) -> PayloadSearch.Query
  {
    switch target.content {
    case .sparse: return PayloadTarget.query(try SparseEntries(value))
    case .bits: return .bits(Array(try PayloadVector.bits(value, target.field)))
    case .text:
      guard let text = value.string else {
        throw VectorFault(
          text: "please provide varchar/text for BM25 Function based search, got \(value.kind)")
      }
      return .text(text)
    }
  }

  private func floats(_ data: [JSON], _ target: VectorTarget) throws -> [Float] {
    var queries: [Float] = []
    for (index, value) in data.enumerated() {
      guard let query = value.floats else {
        throw MilvusError.badFormat("field 'data[\(index)]': expected an array of numbers, got \(value.kind)")
      }
      guard query.count == target.dimension else {
        throw MilvusError.badFormat(
          """
          dimension: \(target.dimension), but length of []float: \(query.count): invalid parameter\
          [expected=\(target.field.type.name)][actual=data[\(index)]]
          """)
      }
      queries.append(contentsOf: query)
    }
    return queries
  }
}
