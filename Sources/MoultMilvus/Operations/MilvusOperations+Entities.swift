internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension MilvusOperations {
  static let countField = "count(*)"
  static let countMax = 16_384
  /// Of a query without a limit.
  static let rowsMax = 100_000

  func delete(_ filter: String, templates: [String: JSON], from name: String, partition: String) async throws
    -> WriteResult
  {
    let collection = try describe(name)
    let condition = try FilterParser.parse(filter, collection, templates: templates)
    let inPartition = try partitionCondition([partition], of: collection, mayBeReleased: true)
    if let inPartition {
      return try await engine.delete(matching: .all([condition, inPartition]), from: name)
    }
    switch condition {
    case .ids(let ids): return try await engine.delete(Array(ids).sorted(), from: name)
    case let condition: return try await engine.delete(matching: condition, from: name)
    }
  }

  // MARK: Reading

  /// - Returns: points in the order of their keys, with what the query's output fields need.
  func query(_ query: MilvusQuery, in collection: DescribedCollection, output: OutputFields) async throws
    -> PointPage
  {
    try requireLoaded(collection, collection.info.name)
    let filter = try condition(query.filter, query.templates, collection, query.partitions)
    if query.filter.allSatisfy(\.isWhitespace), query.limit == nil {
      throw MilvusError.invalidParameter("empty expression should be used with limit")
    }
    try checkWindow(query)
    let order = try order(query, of: collection)
    if !order.isEmpty, let limit = query.limit {
      return try await engine.query(
        collection.info.name, filter: filter, order: order, limit: limit, offset: query.offset,
        includeVectors: output.includesVector, includePayload: output.includesPayload)
    }
    if case .ids(let ids) = filter, query.offset == 0 {
      var page = try await engine.get(
        ids.sorted(), from: collection.info.name, includeVectors: output.includesVector,
        includePayload: output.includesPayload)
      if let limit = query.limit, page.points.count > limit {
        page.points.removeLast(page.points.count - limit)
      }
      return page
    }
    let page = try await engine.query(
      collection.info.name, filter: filter, limit: query.limit ?? Self.rowsMax, offset: query.offset,
      includeVectors: output.includesVector, includePayload: output.includesPayload)
    guard query.limit != nil || page.points.count < Self.rowsMax else {
      throw MilvusError.invalidParameter(
        "query results exceed \(Self.rowsMax - 1) rows; give a limit, or read them with an iterator")
    }
    return page
  }

  func checkWindow(_ query: MilvusQuery) throws {
    if let limit = query.limit, !(1...Self.countMax).contains(limit) {
      throw MilvusError.invalidParameter(
        "invalid max query result window, limit [\(limit)] is invalid, it should be in range [1, \(Self.countMax)], but got \(limit)"
      )
    }
    guard query.offset >= 0, query.offset <= Self.countMax - (query.limit ?? 0) else {
      throw MilvusError.invalidParameter(
        "invalid max query result window, (offset+limit) should be in range [1, \(Self.countMax)], but got \(query.offset.addingReportingOverflow(query.limit ?? 0).partialValue)"
      )
    }
  }

  /// `count(*)`.
  func count(_ query: MilvusQuery, in collection: DescribedCollection) async throws -> (
    count: Int, servedBy: ServedBy
  ) {
    try requireLoaded(collection, collection.info.name)
    guard let filter = try condition(query.filter, query.templates, collection, query.partitions) else {
      return (collection.info.count, collection.info.servedBy)
    }
    return try await engine.count(collection.info.name, filter: filter)
  }

  /// - Parameter partitions: empty for all.
  func condition(
    _ text: String, _ templates: [String: JSON], _ collection: DescribedCollection, _ partitions: [String]
  ) throws -> PointFilter? {
    let inPartitions = try partitionCondition(partitions, of: collection, mayBeReleased: false)
    guard !text.allSatisfy(\.isWhitespace) else { return inPartitions }
    let condition = try FilterParser.parse(text, collection, templates: templates)
    return inPartitions.map { .all([condition, $0]) } ?? condition
  }

  /// Points by their keys.
  ///
  /// - Parameter partitions: empty for all.
  func get(
    _ ids: [PointID], from collection: DescribedCollection, output: OutputFields, partitions: [String]
  ) async throws -> PointPage {
    guard !ids.isEmpty,
      let inPartitions = try partitionCondition(partitions, of: collection, mayBeReleased: false)
    else {
      return try await engine.get(
        ids, from: collection.info.name, includeVectors: output.includesVector,
        includePayload: output.includesPayload)
    }
    guard ids.count <= Self.countMax else {
      throw MilvusError.invalidParameter(
        "\(ids.count) ids in partitions are more than can be looked up at once (\(Self.countMax))")
    }
    return try await engine.query(
      collection.info.name, filter: .all([.ids(Set(ids)), inPartitions]), limit: ids.count, offset: 0,
      includeVectors: output.includesVector, includePayload: output.includesPayload)
  }
}
