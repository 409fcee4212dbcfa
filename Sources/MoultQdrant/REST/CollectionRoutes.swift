internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantAPI {
  func addCollectionRoutes(to group: GuardedRoutes) {
    route(.get, "collections", .read, to: group, need: .nothing) { call in
      let names = try operations.names()
      return call.answer { json in
        json.beginObject()
        json.key("collections")
        json.beginArray()
        for name in names { json.value(.object(["name": .string(name)])) }
        json.endArray()
        json.endObject()
      }
    }
    route(.get, "collections/{name}", .read, to: group) { call in
      try await operations.reading(try call.path("name")) { collection in
        var info = JSONWriter()
        try await operations.writeInfo(of: collection, to: &info)
        return call.answer { $0.raw(info.bytes) }
      }
    }
    route(.put, "collections/{name}", .write, to: group, need: .management) { call in
      try await operations.create(try call.path("name"), try call.object())
      return call.answer(true)
    }
    route(.patch, "collections/{name}", .write, to: group, need: .management) { call in
      try await operations.update(try call.path("name"), try call.object())
      return call.answer(true)
    }
    route(.delete, "collections/{name}", .write, to: group, need: .management) { call in
      call.answer(try await operations.drop(try call.path("name")))
    }
    route(.get, "collections/{name}/exists", .read, to: group) { call in
      let exists = operations.has(try call.path("name"))
      return call.answer { $0.value(.object(["exists": .bool(exists)])) }
    }
    route(.get, "collections/{name}/optimizations", .read, to: group) { call in
      let collection = try operations.describe(try call.path("name"))
      let wanted = Set((call.query("with") ?? "").split(separator: ",").map(String.init))
      let limit = call.query("completed_limit").flatMap { Int($0) } ?? 16
      return try call.answer {
        try operations.writeOptimizations(
          of: collection, with: wanted, completedLimit: max(0, limit), to: &$0)
      }
    }
  }

  /// Names of vectors, added and removed while the collection is in use.
  func addVectorNameRoutes(to group: GuardedRoutes) {
    route(.put, "collections/{name}/vectors/{vector}", .write, to: group) { call in
      try await operations.addVector(
        try call.path("vector"), to: try call.path("name"), try call.object())
      return call.answer(QdrantUpdate())
    }
    route(.delete, "collections/{name}/vectors/{vector}", .write, to: group) { call in
      try await operations.dropVector(try call.path("vector"), from: try call.path("name"))
      return call.answer(QdrantUpdate())
    }
  }

  func addAliasRoutes(to group: GuardedRoutes) {
    route(.post, "collections/aliases", .write, to: group) { call in
      let changes = try await operations.changeAliases(try call.object())
      return QdrantAnswer.success(
        since: call.start,
        more: { json in
          // Ours: what moved from where.
          json.key("changes")
          json.beginArray()
          for change in changes {
            json.beginObject()
            json.member("alias_name", QdrantName.decoded(change.alias))
            if let before = change.before { json.member("before", QdrantName.decoded(before)) }
            if let after = change.after { json.member("after", QdrantName.decoded(after)) }
            json.endObject()
          }
          json.endArray()
        }
      ) { $0.value(true) }
    }
    route(.get, "aliases", .read, to: group, need: .nothing) { call in
      answer(try operations.aliases(), to: call)
    }
    route(.get, "collections/{name}/aliases", .read, to: group, need: .nothing) { call in
      answer(try operations.aliases(of: try call.path("name")), to: call)
    }
  }

  private func answer(_ aliases: [(alias: String, collection: String)], to call: QdrantCall) -> Response {
    call.answer { json in
      json.beginObject()
      json.key("aliases")
      json.beginArray()
      for (alias, collection) in aliases {
        json.value(.object(["alias_name": .string(alias), "collection_name": .string(collection)]))
      }
      json.endArray()
      json.endObject()
    }
  }

  /// Indexes on keys of the payload: they are accepted, kept and told; filters read payloads with and without.
  func addIndexRoutes(to group: GuardedRoutes) {
    route(.put, "collections/{name}/index", .write, to: group) { call in
      try await operations.createIndex(try call.object(), on: try call.path("name"))
      return call.answer(QdrantUpdate())
    }
    route(.delete, "collections/{name}/index/{field}", .write, to: group) { call in
      try await operations.dropIndex(try call.path("field"), of: try call.path("name"))
      return call.answer(QdrantUpdate())
    }
  }
}
