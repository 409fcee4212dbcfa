internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// How hits are put into groups of equal values: strings and integers; a point with several values stands in several
/// groups, one with another value in none.
struct QdrantGrouping: Sendable {
  /// Points of another collection whose ids are the groups' values.
  struct Lookup: Sendable {
    var collection: String
    var payload: WithPayload
    var vector: WithVector
  }

  var path: QdrantPath
  /// Hits a group at most.
  var size = 3
  /// Groups at most.
  var limit = 10
  var lookup: Lookup?

  init(path: QdrantPath, size: Int = 3, limit: Int = 10, lookup: Lookup? = nil) {
    self.path = path
    self.size = size
    self.limit = limit
    self.lookup = lookup
  }

  /// - Parameter size: of a group, unless the request says one.
  init(_ fields: QdrantFields, size: Int = 3) throws(QdrantError) {
    path = try QdrantPath.read(
      try fields.required("group_by", try fields.string("group_by")), at: fields.place("group_by"))
    self.size = try fields.count("group_size", atLeast: 1) ?? size
    limit = try fields.count("limit", atLeast: 1) ?? 10
    switch fields["with_lookup"] {
    case nil: break
    case .string(let name)?:
      lookup = Lookup(collection: name, payload: .all, vector: .none)
    case let json?:
      let lookup = try QdrantFields(json, at: fields.place("with_lookup"))
      self.lookup = Lookup(
        collection: try lookup.required("collection", try lookup.string("collection")),
        payload: try WithPayload(lookup["with_payload"], default: true, at: lookup.place("with_payload")),
        vector: try WithVector(
          lookup["with_vectors"] ?? lookup["with_vector"], at: lookup.place("with_vectors")))
    }
  }

  /// The groups of a point.
  func values(of payload: JSONObject) -> [PointFilter.Scalar] {
    var values: [PointFilter.Scalar] = []
    for json in path.values(in: payload) {
      let value: PointFilter.Scalar
      switch json {
      case .string(let text): value = .string(text)
      case .int(let number): value = .int(number)
      default: return []
      }
      if !values.contains(value) { values.append(value) }
    }
    return values
  }
}

struct QdrantGroup: Sendable {
  var value: PointFilter.Scalar
  var hits: [QdrantRecord]
  var lookup: QdrantRecord?
}

extension QdrantOperations {
  /// The groups of a query's hits, in the order of their best ones.
  ///
  /// - Parameter lookup: the collection that the grouping looks groups up in.
  func groups(
    _ query: QdrantQuery, _ grouping: QdrantGrouping, in collection: QdrantCollection,
    lookup: QdrantCollection?, vectors: Bool
  ) async throws -> [QdrantGroup] {
    // As many as can be asked for, so that no ranking ends before the groups are full.
    let countMax = min(Engine.limitMax, max(1, collection.info.count))
    var query = query
    query.offset = 0
    for index in query.prefetches.indices { query.prefetches[index].raiseLimits(to: countMax) }
    let (first, overflow) = grouping.limit.multipliedReportingOverflow(by: grouping.size)
    var count = overflow ? countMax : min(countMax, 2 * min(first, countMax))
    // What comes first must not depend on how many are asked for.
    if query.isDiverse { count = countMax }
    var groups: [QdrantGroup] = []
    while true {
      query.limit = count
      let records = try await self.query(query, in: collection, payload: true, vectors: vectors)
      groups = try Self.grouped(records, grouping)
      let isDone = groups.count == grouping.limit && groups.allSatisfy { $0.hits.count == grouping.size }
      if isDone || records.count < count || count == countMax { break }
      count = min(countMax, 4 * count)
    }
    guard let lookup else { return groups }
    var ids: [PointFilter.Scalar: PointID] = [:]
    for group in groups {
      switch group.value {
      case .int(let number) where number >= 0: ids[group.value] = .int64(number)
      case .string(let text): ids[group.value] = QdrantPointID.id(uuid: text)
      default: break
      }
    }
    let page = try await engine.get(
      Array(Set(ids.values)), from: lookup.name, includeVectors: grouping.lookup?.vector.isWanted ?? false,
      includePayload: true)
    let points = Dictionary(page.points.map { ($0.id, $0) }) { first, _ in first }
    return groups.map { group in
      var group = group
      group.lookup = ids[group.value].flatMap { points[$0] }.map { QdrantRecord($0) }
      return group
    }
  }

  private static func grouped(
    _ records: [QdrantRecord], _ grouping: QdrantGrouping
  ) throws -> [QdrantGroup] {
    var places: [PointFilter.Scalar: Int] = [:]
    var groups: [QdrantGroup] = []
    for record in records {
      for value in grouping.values(of: try StoredPayload(record.payload).object) {
        let place = places[value] ?? groups.count
        if place == groups.count {
          guard groups.count < grouping.limit else { continue }
          places[value] = place
          groups.append(QdrantGroup(value: value, hits: []))
        }
        if groups[place].hits.count < grouping.size { groups[place].hits.append(record) }
      }
    }
    return groups
  }
}

extension QdrantQuery {
  fileprivate mutating func raiseLimits(to count: Int) {
    limit = max(limit, count)
    for index in prefetches.indices { prefetches[index].raiseLimits(to: count) }
  }

  fileprivate var isDiverse: Bool {
    if case .nearest(_, _?)? = kind { true } else { false }
  }
}
