internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantAPI {
  private static let points = "collections/{name}/points"

  func addReadingRoutes(to group: GuardedRoutes) {
    route(.post, Self.points, .read, to: group) { call in
      let fields = try call.object()
      let list = try fields.required("ids", try fields.array("ids"))
      let ids = try list.enumerated().map { try QdrantPointID.read($1, at: "ids[\($0)]") }
      let payload = try WithPayload(fields["with_payload"], default: true)
      let vector = try WithVector(fields["with_vector"] ?? fields["with_vectors"])
      return try await operations.reading(try call.path("name")) { collection in
        let records = try await operations.records(ids, of: collection, payload: payload, vector: vector)
        return try call.answer { json in
          json.beginArray()
          for record in records { try record.write(collection, payload: payload, vector: vector, to: &json) }
          json.endArray()
        }
      }
    }
    route(.get, Self.points + "/{id}", .read, to: group) { call in
      let text = try call.path("id")
      guard let id = QdrantPointID.id(text) else {
        throw QdrantError.wrongInput("Can not recognize \"\(text.prefix(100))\" as point id")
      }
      return try await operations.reading(try call.path("name")) { collection in
        let found = try await operations.records([id], of: collection, payload: .all, vector: .all)
        guard let record = found.first else {
          throw QdrantError.notFound("Point with id \(text) does not exists!")
        }
        return try call.answer { try record.write(collection, payload: .all, vector: .all, to: &$0) }
      }
    }
    route(.post, Self.points + "/scroll", .read, to: group) { call in
      try await scroll(call, try call.object())
    }
    route(.post, Self.points + "/count", .read, to: group) { call in
      let fields = try call.object()
      let given = try operations.filter(fields)
      return try await operations.reading(try call.path("name")) { collection in
        let filter = try given?.pointFilter(in: collection)
        let count = try await operations.count(filter, of: collection)
        return call.answer { $0.value(.object(["count": .int(Int64(count))])) }
      }
    }
    route(.post, "collections/{name}/facet", .read, to: group) { call in
      let fields = try call.object()
      let key = try fields.required("key", try fields.string("key"))
      let given = try operations.filter(fields)
      let limit = try fields.count("limit", atLeast: 1) ?? 10
      return try await operations.reading(try call.path("name")) { collection in
        let filter = try given?.pointFilter(in: collection)
        let hits = try await operations.facet(key, filter: filter, limit: limit, of: collection)
        return call.answer { json in
          json.beginObject()
          json.key("hits")
          json.beginArray()
          for (value, count) in hits {
            json.beginObject()
            json.member("value", JSON(value))
            json.member("count", count)
            json.endObject()
          }
          json.endArray()
          json.endObject()
        }
      }
    }
  }

  private func scroll(_ call: QdrantCall, _ fields: QdrantFields) async throws -> Response {
    let given = try operations.filter(fields)
    let limit = try fields.count("limit", atLeast: 1) ?? 10
    let payload = try WithPayload(fields["with_payload"], default: true)
    let vector = try WithVector(fields["with_vector"] ?? fields["with_vectors"])
    let offset = try fields["offset"].map { try QdrantPointID.read($0, at: "offset") }
    let order = try fields["order_by"].map { try QdrantOrder($0, at: "order_by") }
    if order != nil, offset != nil {
      throw QdrantError.badRequest(
        "Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from` and a "
          + "filter to exclude the IDs that you've already seen for the `order_by.start_from` value")
    }
    return try await operations.reading(try call.path("name")) { collection in
      let filter = try given?.pointFilter(in: collection)
      let page: QdrantOperations.Page
      if let order {
        page = QdrantOperations.Page(
          records: try await operations.scroll(
            collection, by: order, filter: filter, limit: limit, payload: payload, vector: vector))
      } else {
        page = try await operations.scroll(
          collection, filter: filter, offset: offset, limit: limit, payload: payload, vector: vector)
      }
      return try call.answer { json in
        json.beginObject()
        json.key("points")
        json.beginArray()
        for record in page.records {
          try record.write(collection, payload: payload, vector: vector, to: &json)
        }
        json.endArray()
        json.key("next_page_offset")
        if let next = page.next { json.pointID(next) } else { json.null() }
        json.endObject()
      }
    }
  }
}
