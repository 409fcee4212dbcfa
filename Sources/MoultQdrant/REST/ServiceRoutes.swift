internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// What clients ask of the service itself.
extension QdrantAPI {
  func addServiceRoutes(to group: GuardedRoutes) {
    open("", to: group) { _ in
      var json = JSONWriter()
      json.beginObject()
      json.member("title", "qdrant - vector search engine")
      json.member("version", Self.protocolVersion)
      json.member("commit", String(repeating: "0", count: 40))
      json.endObject()
      return .json(json)
    }
    for path in ["healthz", "livez"] { open(path, to: group) { _ in .text("healthz check passed") } }
    open("readyz", to: group) { _ in .text("all shards are ready") }
    route(.get, "telemetry", .read, to: group) { call in
      let names = try operations.names()
      return call.answer { json in
        json.beginObject()
        json.member("id", "moult")
        json.key("app")
        json.value(.object(["name": .string("qdrant"), "version": .string(Self.protocolVersion)]))
        json.key("collections")
        json.value(.object(["number_of_collections": .int(Int64(names.count))]))
        json.endObject()
      }
    }
    route(.get, "metrics", .read, to: group) { _ in
      .text(try metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
    route(.get, "cluster", .read, to: group) { call in
      call.answer { $0.value(.object(["status": .string("disabled")])) }
    }
    route(.get, "issues", .read, to: group) { call in
      call.answer { $0.value(.object(["issues": .array([])])) }
    }
    route(.delete, "issues", .write, to: group) { $0.answer(true) }
  }

  /// A route that everyone may ask, see ``openPaths``.
  private func open(
    _ path: String, to group: GuardedRoutes, answer: @escaping @Sendable (Request) -> Response
  ) {
    group.open(.get, path) { request, _ in answer(request) }
  }

  private func metrics() throws -> String {
    let collections = try operations.engine.listCollections().filter(\.ready)
    var text = """
      # HELP app_info information about the server
      # TYPE app_info gauge
      app_info{name="qdrant",version="\(Self.protocolVersion)"} 1
      # HELP collections_total number of collections
      # TYPE collections_total gauge
      collections_total \(collections.count)
      # HELP collection_points approximate amount of points per collection
      # TYPE collection_points gauge

      """
    for collection in collections {
      let name = QdrantName.decoded(collection.name).map { "\\\"\n".contains($0) ? "_" : String($0) }.joined()
      text += "collection_points{id=\"\(name)\"} \(collection.count)\n"
    }
    return text
  }
}
