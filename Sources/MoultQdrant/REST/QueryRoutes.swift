internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Queries: `points/query`, the forms that came before it, and matrices of distances.
extension QdrantAPI {
  private static let points = "collections/{name}/points"
  /// Searches of one batch at most.
  private static let searchCountMax = 1_000

  func addQueryRoutes(to group: GuardedRoutes) {
    addQueryRoutes("query", .query, to: group)
    addQueryRoutes("search", .search, to: group)
    addQueryRoutes("recommend", .recommend, to: group)
    addQueryRoutes("discover", .discover, to: group)
    addMatrixRoutes(to: group)
  }

  private func addQueryRoutes(_ path: String, _ form: QdrantRequest.Form, to group: GuardedRoutes) {
    let path = "\(Self.points)/\(path)"
    route(.post, path, .read, to: group) { call in
      let request = try QdrantRequest(try call.object(floatKeys: QdrantQuery.floatKeys), form)
      return try await operations.reading(try call.path("name")) { collection in
        let records = try await found(request, in: collection)
        return try call.answer { try write(records, request, form, collection, to: &$0) }
      }
    }
    route(.post, path + "/batch", .read, to: group) { call in
      let fields = try call.object(floatKeys: QdrantQuery.floatKeys)
      let searches = try fields.required("searches", try fields.array("searches"))
      guard searches.count <= Self.searchCountMax else {
        throw QdrantError.badRequest(
          "searches: a batch takes at most \(Self.searchCountMax) searches, got \(searches.count)")
      }
      var requests: [QdrantRequest] = []
      for (index, json) in searches.enumerated() {
        requests.append(
          try QdrantRequest(try QdrantFields(json, at: fields.place("searches[\(index)]")), form))
      }
      // Each is in bounds by itself; all their hits are held until the last one is found.
      let hitCount = requests.reduce(0) { $0 + $1.query.limit + $1.query.offset }
      guard hitCount <= Engine.hitCountMax else {
        throw QdrantError.badRequest(
          "the sum of limit + offset over all searches may be at most \(Engine.hitCountMax), got \(hitCount)")
      }
      return try await operations.reading(try call.path("name")) { [requests] collection in
        var answers: [[QdrantRecord]] = []
        for request in requests { answers.append(try await found(request, in: collection)) }
        return try call.answer { json in
          json.beginArray()
          for (records, request) in zip(answers, requests) {
            try write(records, request, form, collection, to: &json)
          }
          json.endArray()
        }
      }
    }
    // Qdrant has no groups of discoveries.
    guard form != .discover else { return }
    route(.post, path + "/groups", .read, to: group) { call in
      let fields = try call.object(floatKeys: QdrantQuery.floatKeys)
      let request = try QdrantRequest(fields, form)
      let grouping = try QdrantGrouping(fields)
      let lookup = try grouping.lookup.map { try operations.describe($0.collection) }
      return try await operations.reading(try call.path("name")) { collection in
        let groups = try await operations.groups(
          request.query, grouping, in: collection, lookup: lookup, vectors: request.vector.isWanted)
        return try call.answer { json in
          json.beginObject()
          json.key("groups")
          json.beginArray()
          for group in groups {
            json.beginObject()
            json.member("id", JSON(group.value))
            json.key("hits")
            try write(group.hits, request, collection, to: &json)
            if let record = group.lookup, let lookup, let wanted = grouping.lookup {
              json.key("lookup")
              try record.write(lookup, payload: wanted.payload, vector: wanted.vector, to: &json)
            }
            json.endObject()
          }
          json.endArray()
          json.endObject()
        }
      }
    }
  }

  private func found(
    _ request: QdrantRequest, in collection: QdrantCollection
  ) async throws -> [QdrantRecord] {
    try await operations.query(
      request.query, in: collection, payload: request.payload.isWanted, vectors: request.vector.isWanted)
  }

  private func write(
    _ records: [QdrantRecord], _ request: QdrantRequest, _ form: QdrantRequest.Form,
    _ collection: QdrantCollection, to json: inout JSONWriter
  ) throws {
    guard form == .query else { return try write(records, request, collection, to: &json) }
    json.beginObject()
    json.key("points")
    try write(records, request, collection, to: &json)
    json.endObject()
  }

  private func write(
    _ records: [QdrantRecord], _ request: QdrantRequest, _ collection: QdrantCollection,
    to json: inout JSONWriter
  ) throws {
    json.beginArray()
    for record in records {
      try record.write(collection, payload: request.payload, vector: request.vector, to: &json)
    }
    json.endArray()
  }

  private func addMatrixRoutes(to group: GuardedRoutes) {
    route(.post, Self.points + "/search/matrix/pairs", .read, to: group) { call in
      let request = try QdrantMatrix.Request(try call.object())
      return try await operations.reading(try call.path("name")) { collection in
        let matrix = try await operations.matrix(request, in: collection)
        return call.answer { json in
          json.beginObject()
          json.key("pairs")
          json.beginArray()
          for (id, neighbors) in zip(matrix.ids, matrix.neighbors) {
            for neighbor in neighbors {
              json.beginObject()
              json.key("a")
              json.pointID(id)
              json.key("b")
              json.pointID(neighbor.id)
              json.member("score", neighbor.score)
              json.endObject()
            }
          }
          json.endArray()
          json.endObject()
        }
      }
    }
    route(.post, Self.points + "/search/matrix/offsets", .read, to: group) { call in
      let request = try QdrantMatrix.Request(try call.object())
      return try await operations.reading(try call.path("name")) { collection in
        let matrix = try await operations.matrix(request, in: collection)
        let places = Dictionary(uniqueKeysWithValues: matrix.ids.enumerated().map { ($1, $0) })
        let pairs = matrix.neighbors.enumerated().flatMap { row, neighbors in
          neighbors.compactMap { hit in places[hit.id].map { (row, $0, hit.score) } }
        }
        return call.answer { json in
          json.beginObject()
          json.member("offsets_row", JSON.array(pairs.map { .int(Int64($0.0)) }))
          json.member("offsets_col", JSON.array(pairs.map { .int(Int64($0.1)) }))
          json.member("scores", pairs.map(\.2))
          json.key("ids")
          json.beginArray()
          for id in matrix.ids { json.pointID(id) }
          json.endArray()
          json.endObject()
        }
      }
    }
  }
}
