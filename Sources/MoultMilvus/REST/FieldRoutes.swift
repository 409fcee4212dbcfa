internal import Hummingbird
internal import MoultServer

/// `/v2/vectordb/collections/fields/…`.
extension MilvusAPI {
  func addFieldRoutes(to group: GuardedRoutes) {
    route("collections/fields/add", .write, type: "CollectionFieldReqWithSchema", to: group) { fields in
      let collection = try fields.requiredString("collectionName")
      _ = fields.required("schema")
      return (collection, try fields.fields.fields("schema").map(SchemaForm.field))
    } answer: { input, _ in
      if let field = input.1 { try await operations.add(field, to: input.0) }
      return MilvusAnswer.success()
    }
    route("collections/fields/drop", .write, type: "CollectionFieldReq", to: group) { fields in
      let collection = try fields.requiredString("collectionName")
      let (name, number) = (try fields.string("fieldName"), try fields.fields.int("fieldId") ?? 0)
      if name.isEmpty, number == 0 { fields.addMissing("fieldName") }
      return (collection: collection, name: name, number: Int64(number))
    } answer: { input, _ in
      try await operations.dropField(input.name, number: input.number, of: input.collection)
      return MilvusAnswer.success()
    }
    route(
      "collections/fields/alter_properties", .write, type: "CollectionFieldReqWithParams", to: group
    ) { fields in
      (
        collection: try fields.requiredString("collectionName"),
        field: try fields.requiredString("fieldName"),
        parameters: JSONParameter.list(try fields.fields.fields("fieldParams"))
      )
    } answer: { input, _ in
      try await operations.alterField(input.field, of: input.collection, set: input.parameters, remove: [])
      return MilvusAnswer.success()
    }
  }
}
