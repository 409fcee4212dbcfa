import MoultServer
import MoultServerTesting
import Testing

/// Row by row what Milvus' aliases do (its behaviour of 2.6).
@Suite("Milvus REST: aliases")
struct AliasRouteTests {
  private static func two(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws {
    try await withMilvus { server in
      try await server.makeCollection("first")
      try await server.makeCollection("second")
      try await server.success("aliases/create", #"{"collectionName":"first","aliasName":"bob"}"#)
      try await body(server)
    }
  }

  private static func target(_ alias: String, _ server: ServerHarness) async throws -> String? {
    try await server.success("aliases/describe", #"{"aliasName":"\#(alias)"}"#)["collectionName"]?.string
  }

  @Test("the same alias and collection again is a success without change")
  func idempotent() async throws {
    try await Self.two { server in
      let data = try await server.success("aliases/create", #"{"collectionName":"first","aliasName":"bob"}"#)
      #expect(data == .object([:]))
      #expect(try await Self.target("bob", server) == "first")
    }
  }

  @Test("create: bound to another collection is 1602")
  func taken() async throws {
    try await Self.two { server in
      let message = try await server.failure(
        1602, "aliases/create", #"{"collectionName":"second","aliasName":"bob"}"#)
      #expect(
        message
          == "bob is alias to another collection: first: alias already exist[database=default][alias=bob]")
      #expect(try await Self.target("bob", server) == "first")
    }
  }

  @Test("create: equal to a collection's name, its own too, is 1601")
  func conflict() async throws {
    try await Self.two { server in
      for collection in ["first", "second"] {
        let message = try await server.failure(
          1601, "aliases/create", #"{"collectionName":"\#(collection)","aliasName":"first"}"#)
        #expect(message == "alias and collection name conflict[database=default][alias=first]")
      }
    }
  }

  @Test("create and alter on a missing collection are 100 in two wordings")
  func missingCollection() async throws {
    try await Self.two { server in
      let create = try await server.failure(
        100, "aliases/create", #"{"collectionName":"none","aliasName":"new"}"#)
      #expect(create == "collection not found[database=default][collection=none]")
      let alter = try await server.failure(
        100, "aliases/alter", #"{"collectionName":"none","aliasName":"bob"}"#)
      #expect(alter == "collection not found[collection=none]")
      #expect(try await Self.target("bob", server) == "first")
    }
  }

  @Test("an alias given as the collection is resolved to its target")
  func aliasOfAlias() async throws {
    try await Self.two { server in
      try await server.success("aliases/create", #"{"collectionName":"bob","aliasName":"carol"}"#)
      #expect(try await Self.target("carol", server) == "first")
      try await server.success("aliases/create", #"{"collectionName":"second","aliasName":"dave"}"#)
      try await server.success("aliases/alter", #"{"collectionName":"dave","aliasName":"carol"}"#)
      #expect(try await Self.target("carol", server) == "second")
      // No chains: moving what it was resolved through changes nothing.
      try await server.success("aliases/alter", #"{"collectionName":"first","aliasName":"dave"}"#)
      #expect(try await Self.target("carol", server) == "second")
    }
  }

  @Test("alter of an alias that does not exist is 1600 and does not create it; a missing collection wins")
  func alterMissing() async throws {
    try await Self.two { server in
      #expect(
        try await server.failure(1600, "aliases/alter", #"{"collectionName":"second","aliasName":"nobody"}"#)
          == "alias not found[database=default][alias=nobody]")
      try await server.failure(100, "aliases/alter", #"{"collectionName":"none","aliasName":"nobody"}"#)
      #expect(try await server.success("aliases/list", "{}") == .array([.string("bob")]))
    }
  }

  @Test("alter moves the alias; to the present target it is a success without change")
  func alter() async throws {
    try await Self.two { server in
      for _ in 0..<2 {
        let data = try await server.success(
          "aliases/alter", #"{"collectionName":"second","aliasName":"bob"}"#)
        #expect(data == .object([:]))
        #expect(try await Self.target("bob", server) == "second")
      }
    }
  }

  @Test("drop of a missing alias is a success, twice in a row too")
  func drop() async throws {
    try await Self.two { server in
      for _ in 0..<2 {
        #expect(try await server.success("aliases/drop", #"{"aliasName":"bob"}"#) == .object([:]))
        #expect(
          try await server.failure(1600, "aliases/describe", #"{"aliasName":"bob"}"#)
            == "alias not found[database=default][alias=bob]")
      }
      let message = try await server.failure(100, "collections/describe", #"{"collectionName":"bob"}"#)
      #expect(message == "can't find collection[database=default][collection=bob]")
    }
  }

  @Test("list: all, those of a collection, those of an alias' collection, none, and 100 for a missing one")
  func list() async throws {
    try await Self.two { server in
      try await server.success("aliases/create", #"{"collectionName":"second","aliasName":"alice"}"#)
      func list(_ body: String) async throws -> Set<String> {
        Set(try #require(try await server.success("aliases/list", body).array).compactMap(\.string))
      }
      #expect(try await list("{}") == ["alice", "bob"])
      #expect(try await list("null") == ["alice", "bob"])
      #expect(try await list(#"{"collectionName":"first"}"#) == ["bob"])
      #expect(try await list(#"{"collectionName":"alice"}"#) == ["alice"])
      try await server.success("aliases/drop", #"{"aliasName":"bob"}"#)
      #expect(try await server.success("aliases/list", #"{"collectionName":"first"}"#) == .array([]))
      #expect(
        try await server.failure(100, "aliases/list", #"{"collectionName":"none"}"#)
          == "collection not found[collection=none]")
    }
  }

  @Test("a collection that has aliases, or is named through one, is not dropped")
  func dropCollection() async throws {
    try await Self.two { server in
      try await server.success("aliases/create", #"{"collectionName":"first","aliasName":"alice"}"#)
      let held = try await server.failure(1100, "collections/drop", #"{"collectionName":"first"}"#)
      #expect(
        held
          == "unable to drop the collection [first] because it has associated aliases [alice bob], "
          + "please remove all aliases before dropping the collection: invalid parameter")
      let through = try await server.failure(1100, "collections/drop", #"{"collectionName":"bob"}"#)
      #expect(through == "cannot drop the collection via alias = bob: invalid parameter")
      try await server.success("aliases/drop", #"{"aliasName":"bob"}"#)
      try await server.success("aliases/drop", #"{"aliasName":"alice"}"#)
      try await server.success("collections/drop", #"{"collectionName":"first"}"#)
      #expect(try await server.success("collections/list", "{}") == .array([.string("second")]))
    }
  }

  @Test("a collection cannot take an alias' name")
  func collectionNamedAsAlias() async throws {
    try await Self.two { server in
      let message = try await server.failure(
        1601, "collections/create", #"{"collectionName":"bob","dimension":2}"#)
      #expect(message.contains("please choose a unique name"))
      #expect(message.contains("alias and collection name conflict[database=default][alias=bob]"))
    }
  }

  @Test("describe, has, statistics, load state and data calls take an alias as they take a collection")
  func throughAlias() async throws {
    try await withMilvus { server in
      try await server.makeLine("line")
      try await server.success("aliases/create", #"{"collectionName":"line","aliasName":"current"}"#)
      let described = try await server.success("collections/describe", #"{"collectionName":"current"}"#)
      #expect(described["collectionName"] == .string("current"))
      #expect(described["aliases"] == .array([.string("current")]))
      let name = #""collectionName":"current""#
      #expect(try await server.success("collections/has", "{\(name)}")["has"] == .bool(true))
      #expect(try await server.success("collections/get_stats", "{\(name)}")["rowCount"] == .int(4))
      for action in ["release", "load", "flush", "get_load_state"] {
        try await server.success("collections/\(action)", "{\(name)}")
      }
      let upserted = try await server.success(
        "entities/upsert", #"{\#(name),"data":[{"id":9,"vector":[9,0]}]}"#)
      #expect(upserted["upsertCount"] == .int(1))
      #expect(try await server.success("entities/get", "{\(name),\"id\":9}").array?.count == 1)
      let deleted = try await server.success("entities/delete", #"{\#(name),"filter":"id == 9"}"#)
      #expect(deleted["deleteCount"] == .int(1))
      let search = try await server.milvus("entities/search", #"{\#(name),"data":[[0,0]],"limit":1}"#)
      #expect(search.header("moult-collection") == "line")
      #expect(search.header("moult-generation") != nil)
    }
  }

  @Test(
    "names follow the rule, in Milvus' words",
    arguments: [
      (
        "12-s",
        "Invalid collection alias: 12-s. the first character of a collection alias must be an underscore or letter"
      ),
      (
        "a-s",
        "Invalid collection alias: a-s. collection alias can only contain numbers, letters and underscores"
      ),
      (
        " bob",
        "Invalid collection alias:  bob. the first character of a collection alias must be an underscore or letter"
      ),
      (
        String(repeating: "a", count: 256),
        "Invalid collection alias: \(String(repeating: "a", count: 256)). the length of a collection alias must be less than 255 characters"
      ),
    ])
  func names(alias: String, says: String) async throws {
    try await Self.two { server in
      let message = try await server.failure(
        1100, "aliases/create", #"{"collectionName":"first","aliasName":"\#(alias)"}"#)
      #expect(message == says + ": invalid parameter")
    }
  }
}
