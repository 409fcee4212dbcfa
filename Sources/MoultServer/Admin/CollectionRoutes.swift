internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  func addCollectionRoutes(to group: GuardedRoutes) {
    group.on(.get, "collections", .read) { _, _ in
      try Self.answer(["collections": try engine.listCollections()])
    }
    group.on(.post, "collections", .write) { request, _ in
      let fields = try await fields(of: request).fields
      let info = try await createCollection(fields)
      return try Self.answer(info, status: .created, servedBy: info.servedBy)
    }
    group.on(.get, "collections/{name}", .read) { _, context in
      let info = try engine.describeCollection(try context.pathPart("name"))
      return try Self.answer(info, servedBy: info.servedBy)
    }
    group.on(.post, "collections/{name}/fields", .write) { request, context in
      let name = try context.pathPart("name")
      try await engine.addVectorField(try Self.vectorField(try await fields(of: request).fields), to: name)
      let info = try engine.describeCollection(name)
      return try Self.answer(info, status: .created, servedBy: info.servedBy)
    }
    group.on(.delete, "collections/{name}/fields/{field}", .write) { request, context in
      let parameters = try QueryParameters(request, known: ["force"])
      try await engine.dropVectorField(
        try context.pathPart("field"), from: try context.pathPart("name"), needsProof: true,
        force: try parameters.bool("force") ?? false)
      return Response(status: .noContent)
    }
    group.on(.put, "collections/{name}/default", .write) { request, context in
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["field", "allowPartial"])
      let info = try await engine.setSearchField(
        try fields.requiredString("field"), of: try context.pathPart("name"),
        allowsPartial: try fields.bool("allowPartial") ?? false)
      return try Self.answer(info, servedBy: info.servedBy)
    }
    group.on(.put, "collections/{name}/bulk", .write) { request, context in
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["seconds"])
      guard let seconds = try fields.double("seconds") else {
        throw fields.missing("seconds", expected: "a number")
      }
      try engine.beginBulk(of: try context.pathPart("name"), seconds: seconds)
      return Response(status: .noContent)
    }
    group.on(.delete, "collections/{name}/bulk", .write) { _, context in
      try await engine.endBulk(of: try context.pathPart("name"))
      return Response(status: .noContent)
    }
    group.on(.delete, "collections/{name}", .write) { request, context in
      let parameters = try QueryParameters(request, known: ["force"])
      try await engine.dropCollection(
        try context.pathPart("name"), force: try parameters.bool("force") ?? false)
      return Response(status: .noContent)
    }
  }

  private func createCollection(_ fields: RequestFields) async throws -> CollectionInfo {
    try fields.refuseOthers(than: [
      "name", "dimension", "metric", "keyKind", "automaticKeys", "keyField", "vectorField", "elementType",
      "summary", "specification", "fields",
    ])
    let name = try fields.requiredString("name")
    guard let dimension = try fields.int("dimension") else {
      throw fields.missing("dimension", expected: "an integer")
    }
    let schema = CollectionSchema(
      dimension: dimension,
      metric: try fields.word("metric", Metric.self) ?? .cosine,
      keyKind: try fields.word("keyKind", CollectionSchema.KeyKind.self) ?? .int64,
      automaticKeys: try fields.bool("automaticKeys") ?? false,
      keyField: try fields.string("keyField") ?? "id",
      vectorField: try fields.string("vectorField") ?? "vector",
      elementType: try fields.word("elementType", CollectionSchema.ElementType.self) ?? .float32,
      summary: try fields.string("summary") ?? "")
    guard !PlaceholderField.names.contains(schema.vectorField) else {
      throw MoultError(
        .invalidArgument,
        "vectorField must be another name than \(PlaceholderField.names.sorted().joined(separator: " and ")), which stand for "
          + "no vector; got '\(schema.vectorField)'")
    }
    return try await engine.createCollection(
      name, schema: schema,
      specification: try fields.encodingSpecification("specification", index: .automatic)
        ?? EncodingSpecification(index: .automatic),
      fields: try (try fields.array("fields") ?? []).enumerated().map { place, value in
        guard let object = value.object else {
          throw fields.mismatch("fields[\(place)]", expected: "an object", value)
        }
        return try Self.vectorField(RequestFields(object, path: "fields[\(place)]."))
      })
  }

  private static func vectorField(_ fields: RequestFields) throws -> VectorField {
    try fields.refuseOthers(than: ["name", "dimension", "metric", "elementType"])
    guard let dimension = try fields.int("dimension") else {
      throw fields.missing("dimension", expected: "an integer")
    }
    return VectorField(
      name: try fields.requiredString("name"), dimension: dimension,
      metric: try fields.word("metric", Metric.self) ?? .cosine,
      elementType: try fields.word("elementType", CollectionSchema.ElementType.self) ?? .float32)
  }
}
