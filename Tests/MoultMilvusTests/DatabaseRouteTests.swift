import MoultServer
import MoultServerTesting
import Testing

@Suite("Milvus REST: databases")
struct DatabaseRouteTests {
  @Test("the same name stands for another collection in another database, by body and by header")
  func apart() async throws {
    try await withMilvus { server in
      try await server.success("databases/create", #"{"dbName":"t"}"#)
      #expect(try await server.success("databases/list", "{}") == .array([.string("default"), .string("t")]))
      try await server.success(
        "collections/create",
        #"{"collectionName":"c","dimension":2,"metricType":"L2","vectorFieldName":"emb"}"#)
      // What is the vector in one of them is a member of the dynamic field in the other.
      try await server.success(
        "collections/create", #"{"dbName":"t","collectionName":"c","dimension":2,"metricType":"L2"}"#)
      try await server.success(
        "entities/insert",
        #"{"data":[{"id":1,"vector":[0.5,1],"emb":[0.25,1,2]}],"collectionName":"c","dbName":"t"}"#)
      for (body, header) in [(#""dbName":"t","#, "default"), ("", "t")] {
        let answer = try await server.milvus(
          "entities/query", #"{\#(body)"collectionName":"c","filter":"id > 0"}"#,
          headers: [("DB-Name", header)])
        #expect(answer.text.contains(#"[{"id":1,"emb":[0.25,1,2],"vector":[0.5,1.0]}]"#), "\(answer.text)")
      }
      let other = try await server.success("entities/query", #"{"collectionName":"c","filter":"id > 0"}"#)
      #expect(other == .array([]))
      try await server.success("aliases/create", #"{"dbName":"t","collectionName":"c","aliasName":"a"}"#)
      #expect(try await server.success("aliases/list", "{}") == .array([]))
      let alias = try await server.success("aliases/describe", #"{"dbName":"t","aliasName":"a"}"#)
      #expect(alias["collectionName"] == .string("c") && alias["dbName"] == .string("t"))
      let message = try await server.failure(1600, "aliases/describe", #"{"aliasName":"a"}"#)
      #expect(message == "alias not found[database=default][alias=a]")
      let missing = try await server.failure(
        100, "collections/describe", #"{"dbName":"t","collectionName":"none"}"#)
      #expect(missing == "can't find collection[database=t][collection=none]")
    }
  }

  @Test("what is the vector in one database is an array of integers in another")
  func vectorsOfOne() async throws {
    try await withMilvus { server in
      try await server.success("databases/create", #"{"dbName":"t"}"#)
      try await server.success(
        "collections/create", #"{"collectionName":"c","dimension":2,"vectorFieldName":"emb"}"#)
      try await server.success(
        "collections/create",
        """
        {"dbName":"t","collectionName":"c","schema":{"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true},
        {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}},
        {"fieldName":"emb","dataType":"Array","elementDataType":"Int64","elementTypeParams":{"max_capacity":9}}]}}
        """)
      let row = #""data":[{"id":1,"v":[0.5,1],"emb":[1,2]}],"collectionName":"c""#
      try await server.success("entities/insert", #"{\#(row),"dbName":"t"}"#)
      let byHeader = try await server.milvus("entities/upsert", "{\(row)}", headers: [("DB-Name", "t")])
      #expect(try byHeader.json["code"] == .int(0), "\(byHeader.text)")
    }
  }

  @Test("an unknown database is 800, whatever is asked of it; a name that says a database is no name")
  func unknown() async throws {
    try await withMilvus { server in
      for path in [
        "collections/list", "aliases/list", "databases/describe", "databases/drop", "databases/alter",
      ] {
        let message = try await server.failure(800, path, #"{"dbName":"none"}"#)
        #expect(message == "database not found[database=none]")
      }
      try await server.success("databases/create", #"{"dbName":"t"}"#)
      let body = #"{"collectionName":"t.c","dimension":2}"#
      #expect(try await server.failure(1100, "collections/create", body).contains("Invalid collection name"))
      // Nor does it reach what another database holds, whatever reads.
      try await server.success("collections/create", #"{"dbName":"t","collectionName":"c","dimension":2}"#)
      try await server.success(
        "entities/insert", #"{"dbName":"t","collectionName":"c","data":[{"id":1,"vector":[1,0]}]}"#)
      for (path, members) in [
        ("entities/query", #""filter":"id >= 0""#), ("entities/get", #""id":1"#),
        ("entities/search", #""data":[[1,0]],"annsField":"vector""#),
        ("entities/hybrid_search", #""search":[{"data":[[1,0]],"annsField":"vector","limit":1}]"#),
      ] {
        let text = try await server.failure(1100, path, #"{"collectionName":"t.c",\#(members)}"#)
        #expect(text.contains("Invalid collection name"), "\(path): \(text)")
      }
      #expect(try await server.failure(1802, "databases/create", "{}").contains("DbName"))
      #expect(
        try await server.failure(802, "databases/create", #"{"dbName":"1a"}"#)
          == "the first character of a database name must be an underscore or letter: invalid database name[database=1a]"
      )
    }
  }

  @Test("a database that has collections is not dropped, nor is the default one")
  func drop() async throws {
    try await withMilvus { server in
      try await server.success("databases/create", #"{"dbName":"t","properties":{"k":1}}"#)
      #expect(
        try await server.failure(65535, "databases/create", #"{"dbName":"t"}"#) == "database already exist: t"
      )
      try await server.success("collections/create", #"{"dbName":"t","collectionName":"c","dimension":2}"#)
      #expect(
        try await server.failure(1100, "databases/drop", #"{"dbName":"t"}"#)
          == "database:t not empty, must drop all collections before drop database: invalid parameter")
      #expect(
        try await server.failure(1100, "databases/drop", #"{"dbName":"default"}"#)
          == "can not drop default database: invalid parameter")
      try await server.success(
        "collections/rename",
        #"{"dbName":"t","collectionName":"c","newCollectionName":"d","newDbName":"default"}"#)
      #expect(try await server.success("collections/list", "{}") == .array([.string("d")]))
      try await server.success("databases/alter_properties", #"{"dbName":"t","properties":{"l":"2"}}"#)
      try await server.success("databases/drop_properties", #"{"dbName":"t","propertyKeys":["k"]}"#)
      let description = try await server.success("databases/describe", #"{"dbName":"t"}"#)
      #expect(
        description
          == (try JSONReader.parse(#"{"dbID":2,"dbName":"t","properties":[{"key":"l","value":"2"}]}"#)))
      try await server.success("databases/drop", #"{"dbName":"t"}"#)
      try await server.failure(800, "collections/list", #"{"dbName":"t"}"#)
    }
  }
}
