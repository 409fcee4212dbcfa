internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/databases/…`.
extension MilvusAPI {
  private struct NameAndProperties {
    var name: String
    var properties: [CollectionDefinition.Parameter]
    var keys: [String]

    init(_ fields: inout MilvusFields) throws {
      name = try fields.requiredString("dbName")
      properties = JSONParameter.list(try fields.fields.fields("properties"))
      keys = try fields.strings("propertyKeys") ?? []
    }
  }

  func addDatabaseRoutes(to group: GuardedRoutes) {
    route("databases/create", .write, type: "DatabaseReqWithProperties", to: group, isInDatabase: false) {
      try NameAndProperties(&$0)
    } answer: { input, _ in
      try await operations.createDatabase(input.name, properties: input.properties)
      return MilvusAnswer.success()
    }
    route("databases/drop", .write, type: "DatabaseReqRequiredName", to: group, isInDatabase: false) {
      try $0.requiredString("dbName")
    } answer: { name, _ in
      try await operations.dropDatabase(name)
      return MilvusAnswer.success()
    }
    route("databases/list", .read, type: "EmptyReq", to: group, isInDatabase: false) { _ in
    } answer: { _, _ in
      let names = operations.listDatabases().map(\.name)
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("databases/describe", .read, type: "DatabaseReqRequiredName", to: group, isInDatabase: false) {
      try $0.requiredString("dbName")
    } answer: { name, _ in
      let database = try operations.describeDatabase(name)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("dbID", database.id)
        json.member("dbName", database.name)
        json.key("properties")
        json.beginArray()
        for property in database.properties {
          json.beginObject()
          json.member("key", property.key)
          json.member("value", property.value)
          json.endObject()
        }
        json.endArray()
        json.endObject()
      }
    }
    for action in ["alter", "alter_properties"] {
      route("databases/\(action)", .write, type: "DatabaseReqWithProperties", to: group, isInDatabase: false)
      {
        try NameAndProperties(&$0)
      } answer: { input, _ in
        try await operations.alterDatabase(input.name, set: input.properties, remove: [])
        return MilvusAnswer.success()
      }
    }
    route(
      "databases/drop_properties", .write, type: "DropDatabasePropertiesReq", to: group, isInDatabase: false
    ) {
      try NameAndProperties(&$0)
    } answer: { input, _ in
      try await operations.alterDatabase(input.name, set: [], remove: input.keys)
      return MilvusAnswer.success()
    }
  }
}
