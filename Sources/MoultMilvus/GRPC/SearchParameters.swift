internal import Foundation
internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

/// `search_params` of a search: pairs of texts, of which `params` is JSON.
struct SearchParameters {
  private var texts: [String: String] = [:]
  private var inner: RequestFields

  init(_ pairs: [ProtoKeyValuePair]) throws {
    for pair in pairs { texts[pair.key] = pair.value }
    let text = texts["params"] ?? ""
    guard let object = (try? JSONReader.parse(text.isEmpty ? "{}" : text))?.object else {
      throw MilvusError.invalidParameter("search params in wrong format: \(text.prefix(200))")
    }
    inner = RequestFields(object)
  }

  static func integer(_ pair: ProtoKeyValuePair) throws -> Int {
    guard let number = Int(pair.value) else {
      throw MilvusError.invalidParameter(
        "\(pair.key) [\(pair.value.prefix(100))] is invalid, it should be an integer")
    }
    return number
  }

  private func integer(_ key: String) throws -> Int? {
    guard let text = texts[key] else { return nil }
    return try Self.integer(ProtoKeyValuePair(.init(key: key, value: text)))
  }

  var limit: Int {
    get throws {
      guard let limit = try integer("topk") ?? integer("limit") else {
        throw MilvusError.invalidParameter("topk not found in search_params")
      }
      return limit
    }
  }

  var offset: Int {
    get throws { try integer("offset") ?? inner.int("offset") ?? 0 }
  }

  /// What a client knows its iterator by, from the second step on.
  var iteratorToken: String? { texts["search_iter_id"] }

  /// A step of an iterator of the second kind; those of the first kind are searches with a range.
  private func iteration() throws -> MilvusSearch.Iteration? {
    guard texts["iterator"]?.lowercased() == "true", texts["search_iter_v2"]?.lowercased() == "true" else {
      return nil
    }
    guard let text = texts["search_iter_last_bound"] else { return MilvusSearch.Iteration() }
    guard let bound = Float(text) else {
      throw MilvusError.invalidParameter(
        "search_iter_last_bound \(text.prefix(100)) is invalid, it should be a number")
    }
    return MilvusSearch.Iteration(lastScore: bound)
  }

  /// `strategy` with its `params`.
  func ranker() throws -> HybridRanker { try HybridRanker(strategy: texts["strategy"] ?? "rrf", inner) }

  /// How a hybrid search puts its hits into groups.
  func grouping() throws -> RankGrouping? {
    guard let field = texts["group_by_field"], !field.isEmpty else { return nil }
    var grouping = RankGrouping(field: field, size: try integer("group_size") ?? 1)
    grouping.isStrict = texts["strict_group_size"]?.lowercased() == "true"
    if let name = texts["rank_group_scorer"] {
      guard let scorer = RankGrouping.Scorer(rawValue: name.lowercased()) else {
        throw MilvusError.invalidParameter(
          "input group scorer type: \(name.prefix(100)) is not supported, expected max, sum or avg")
      }
      grouping.scorer = scorer
    }
    try grouping.check()
    return grouping
  }

  /// The vector field that is searched; empty where it is not said.
  var field: String { texts["anns_field"] ?? "" }

  func search(_ request: ProtoSearchRequest, queries: SearchQueries) throws -> MilvusSearch {
    let iteration = try iteration()
    var search = MilvusSearch(
      queries: queries,
      limit: try iteration == nil ? limit : integer("search_iter_batch_size") ?? limit)
    search.iteration = iteration
    search.offset = try offset
    search.filter = request.dsl
    search.templates = try FilterTemplates.values(request.exprTemplateValues)
    search.field = field
    search.metricType = texts["metric_type"] ?? ""
    search.groupingField = texts["group_by_field"] ?? ""
    search.order = MilvusQuery.list(texts["order_by_fields"] ?? "")
    if texts["group_by_fields"]?.isEmpty == false {
      throw MilvusError.invalidParameter(
        "group_by_fields of a search is not supported by this version of Moult")
    }
    search.groupSize = try integer("group_size") ?? 1
    // Before anything is multiplied with it.
    guard SearchGrouping.sizeRange.contains(search.groupSize) else {
      throw MilvusError.invalidParameter(
        "group_size [\(search.groupSize)] is invalid, it should be in range \(SearchGrouping.sizeRange)")
    }
    search.partitions = request.partitionNames
    search.parameters.ef = try inner.int("ef")
    search.parameters.probes = try inner.int("nprobe")
    search.parameters.exact = try inner.bool("exact") ?? false
    search.parameters.oversampling = try inner.double("oversampling")
    search.parameters.radius = try inner.double("radius")
    search.parameters.rangeFilter = try inner.double("range_filter")
    search.parameters.dropRatio = try inner.double(PayloadTarget.dropRatio)
    search.parameters.k1 = try inner.double(PayloadTarget.k1)
    search.parameters.b = try inner.double(PayloadTarget.b)
    return search
  }

  /// `round_decimal` digits after the point; negative for all.
  func rounded(_ score: Float) -> Float {
    guard let digits = texts["round_decimal"].flatMap({ Int($0) }), (0...6).contains(digits) else {
      return score
    }
    // Large scores times the scale are beyond float32.
    let scale = pow(10.0, Double(digits))
    return Float((Double(score) * scale).rounded() / scale)
  }

  static func queries(_ bytes: Data, _ target: SearchTarget) throws -> SearchQueries {
    let placeholders: [ProtoPlaceholderValue]
    do {
      placeholders = try ProtoPlaceholderGroup(serializedBytes: bytes).placeholders
    } catch {
      throw MilvusError.invalidParameter("the placeholder group cannot be read: \(error)")
    }
    guard let placeholder = placeholders.first, placeholders.count == 1, !placeholder.values.isEmpty else {
      throw MilvusError.invalidParameter("a search takes one placeholder with its query vectors")
    }
    switch target {
    case .dense(let target):
      if placeholder.type == .varChar {
        return .texts(placeholder.values.map { String(decoding: $0, as: UTF8.self) })
      }
      return .dense(try floats(placeholder, target), dimension: target.dimension)
    case .payload(let target):
      try check(placeholder.type, target)
      return .payload(try placeholder.values.map(target.query))
    }
  }

  private static func check(_ type: ProtoPlaceholderType, _ target: PayloadTarget) throws {
    let wanted: ProtoPlaceholderType
    switch target.content {
    case .sparse: wanted = .sparseFloatVector
    case .bits: wanted = .binaryVector
    case .text:
      guard type == .varChar else {
        throw MilvusError.invalidParameter(
          "please provide varchar/text for BM25 Function based search, got \(name(type))")
      }
      return
    }
    guard type == wanted else { throw mismatch(type, target.field) }
  }

  private static func name(_ type: ProtoPlaceholderType) -> String {
    MilvusType(rawValue: type.rawValue)?.name ?? "\(type.rawValue)"
  }

  private static func mismatch(
    _ type: ProtoPlaceholderType, _ field: CollectionDefinition.Field
  ) -> MilvusError {
    .invalidParameter(
      "vector type must be the same, field \(field.name) - type \(field.type.name), search info type \(name(type))"
    )
  }

  private static func floats(_ placeholder: ProtoPlaceholderValue, _ target: VectorTarget) throws -> [Float] {
    let type = target.field.type
    guard placeholder.type.rawValue == type.rawValue else { throw mismatch(placeholder.type, target.field) }
    let size = target.dimension * DenseVectors.entryBytes(type)
    if let other = placeholder.values.first(where: { $0.count != size }) {
      throw MilvusError.invalidParameter(
        "vector dimension mismatch, expected vector size(byte) \(size), actual \(other.count)")
    }
    var queries: [Float] = []
    // Bounded by the bytes that came, now that every value is known to have its own.
    queries.reserveCapacity(placeholder.values.count * target.dimension)
    for value in placeholder.values { queries += DenseVectors.floats(value, type) }
    return queries
  }
}
