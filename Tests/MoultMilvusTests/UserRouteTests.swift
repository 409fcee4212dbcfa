import Foundation
import Hummingbird
import MoultEngine
import MoultModel
import MoultServerTesting
import Testing

@testable import MoultMilvus
@testable import MoultServer

@Suite("Milvus: users, roles and privileges")
struct UserRouteTests {
  private static let root = "root:Milvus"
  private static let ann = [("Authorization", "Bearer ann:password")]

  /// With a user `ann` of role `worker`, to whom nothing is granted.
  private static func withAnn(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws {
    try await withMilvus(token: root, readOnlyToken: "reader:reads") { server in
      try await server.success("users/create", #"{"userName":"ann","password":"password"}"#)
      try await server.success("roles/create", #"{"roleName":"worker"}"#)
      try await server.success("users/grant_role", #"{"userName":"ann","roleName":"worker"}"#)
      try await server.makeLine("one")
      try await server.makeLine("two")
      try await body(server)
    }
  }

  private static func status(_ server: ServerHarness, _ path: String, _ body: String) async throws -> Int {
    try await server.post("/v2/vectordb/\(path)", body, headers: ann).status
  }

  @Test("every route and every method is in the table of privileges")
  func complete() async throws {
    try await withMilvus { server in
      let api = MilvusAPI(engine: server.engine)
      let routes = ServerRoutes(engine: server.engine, configuration: ServerConfiguration(), protocols: [api])
        .router().routes.map(\.path.description).filter { $0.hasPrefix(MilvusAPI.root) }
        .map { String($0.dropFirst(MilvusAPI.root.count + 1)) }
      for route in Set(routes) {
        let method = Privilege.routes[route]
        #expect(method.map { Privilege.methods.keys.contains($0) } == true, "\(route)")
      }
      for path in api.rpcMethods.map(\.path) {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        #expect(Privilege.methods.keys.contains(name), "\(name)")
      }
      for case let privilege? in Privilege.methods.values {
        #expect(Privilege.level(of: privilege) != nil, "\(privilege)")
      }
    }
  }

  @Test("a user to whom nothing is granted is refused everywhere but where nothing is needed")
  func nothing() async throws {
    try await Self.withAnn { server in
      try await server.success(
        "roles/revoke_privilege",
        #"{"roleName":"public","objectType":"Global","objectName":"*","privilege":"DescribeCollection","dbName":"*"}"#
      )
      try await server.success(
        "roles/revoke_privilege",
        #"{"roleName":"public","objectType":"Global","objectName":"*","privilege":"ListAliases","dbName":"*"}"#
      )
      try await server.success(
        "roles/revoke_privilege_v2",
        #"{"roleName":"public","privilege":"IndexDetail","dbName":"*","collectionName":"*"}"#)
      let body = """
        {"collectionName":"one","newCollectionName":"three","indexName":"vector","data":[[0,0]],"filter":"id > 0",
        "id":1,"aliasName":"a","partitionName":"p","partitionNames":["p"],"dbName":"default","userName":"ben",
        "password":"password","newPassword":"password","roleName":"worker","objectType":"Global","objectName":"*",
        "privilege":"Insert","indexParams":[],"jobID":1,"jobId":"1","files":[["a"]],
        "privilegeGroupName":"group","privileges":["Query"],"text":["a"],"fieldName":"vector",
        "schema":{"fieldName":"word","dataType":"VarChar"},
        "search":[{"data":[[0,0]],"annsField":"vector","limit":1}]}
        """
      let free = [
        "collections/get_compaction_state", "collections/list", "roles/describe", "jobs/import/list",
        "jobs/import/describe", "jobs/import/get_progress", "jobs/import/commit", "jobs/import/abort",
      ]
      for route in Privilege.routes.keys.sorted() where !free.contains(route) {
        let writes = ["entities/insert", "entities/upsert"].contains(route)
        let answer = try await server.post(
          "/v2/vectordb/\(route)", writes ? body.replacing("[[0,0]]", with: "[{}]") : body, headers: Self.ann)
        guard answer.status != 404 else { continue }
        #expect(answer.status == 403, "\(route): \(answer.text)")
        #expect(try answer.json["code"] == .int(1401), "\(route)")
        #expect(
          answer.text.contains("permission deny to ann in the `default` database"), "\(route): \(answer.text)"
        )
      }
      // The collections that nothing is granted for are not even named.
      let list = try await server.milvus("collections/list", "{}", headers: Self.ann)
      #expect(try list.json["data"] == .array([]))
      // Moult's own API and its metrics are for the role admin.
      for path in ["/moult/v1/collections", "/metrics"] {
        #expect(try await server.get(path, headers: Self.ann).status == 403, "\(path)")
      }
      try await server.success("users/grant_role", #"{"userName":"ann","roleName":"admin"}"#)
      for path in ["/moult/v1/collections", "/metrics"] {
        #expect(try await server.get(path, headers: Self.ann).status == 200, "\(path)")
      }
      #expect(try await Self.status(server, "users/list", "{}") == 200)
    }
  }

  @Test("a privilege for one collection allows that on this one, by its aliases too, and nothing else")
  func one() async throws {
    try await Self.withAnn { server in
      try await server.success("aliases/create", #"{"collectionName":"one","aliasName":"first"}"#)
      try await server.success("aliases/create", #"{"collectionName":"two","aliasName":"second"}"#)
      let query = { (name: String) in #"{"collectionName":"\#(name)","filter":"id > 0"}"# }
      #expect(try await Self.status(server, "entities/query", query("one")) == 403)
      try await server.success(
        "roles/grant_privilege_v2",
        #"{"roleName":"worker","privilege":"Query","dbName":"default","collectionName":"one"}"#)
      for (name, status) in [("one", 200), ("first", 200), ("two", 403), ("second", 403)] {
        #expect(try await Self.status(server, "entities/query", query(name)) == status, "\(name)")
      }
      #expect(try await Self.status(server, "entities/delete", query("one")) == 403)
      #expect(
        try await Self.status(server, "entities/search", #"{"collectionName":"one","data":[[0,0]]}"#) == 403)
      let list = try await server.milvus("collections/list", "{}", headers: Self.ann)
      #expect(try list.json["data"] == .array([.string("one")]))
      // An alias that moves takes the privilege to where it points.
      try await server.success("aliases/alter", #"{"collectionName":"two","aliasName":"first"}"#)
      #expect(try await Self.status(server, "entities/query", query("first")) == 403)
      // In another database the same name is another collection.
      try await server.success("databases/create", #"{"dbName":"t"}"#)
      try await server.success("collections/create", #"{"dbName":"t","collectionName":"one","dimension":2}"#)
      #expect(
        try await Self.status(
          server, "entities/query", #"{"dbName":"t","collectionName":"one","filter":"id > 0"}"#) == 403)
      try await server.success(
        "roles/revoke_privilege_v2",
        #"{"roleName":"worker","privilege":"Query","dbName":"default","collectionName":"one"}"#)
      #expect(try await Self.status(server, "entities/query", query("one")) == 403)
    }
  }

  @Test("groups of privileges, for all collections of one database")
  func groups() async throws {
    try await Self.withAnn { server in
      try await server.success(
        "roles/grant_privilege_v2",
        #"{"roleName":"worker","privilege":"CollectionReadWrite","dbName":"default","collectionName":"*"}"#)
      #expect(
        try await Self.status(
          server, "entities/upsert", #"{"collectionName":"two","data":[{"id":9,"vector":[1,1]}]}"#)
          == 200)
      #expect(try await Self.status(server, "collections/drop", #"{"collectionName":"two"}"#) == 403)
      #expect(
        try await Self.status(server, "aliases/create", #"{"collectionName":"two","aliasName":"x"}"#) == 403)
      try await server.success(
        "roles/grant_privilege",
        #"{"roleName":"worker","objectType":"Global","objectName":"*","privilege":"DropCollection"}"#)
      #expect(try await Self.status(server, "collections/drop", #"{"collectionName":"two"}"#) == 200)
      let bad = [
        #"{"roleName":"worker","privilege":"CreateOwnership","dbName":"default","collectionName":"*"}"#,
        #"{"roleName":"worker","privilege":"DropCollection","dbName":"default","collectionName":"one"}"#,
        #"{"roleName":"worker","privilege":"Query","dbName":"*","collectionName":"one"}"#,
        #"{"roleName":"worker","privilege":"Nonsense","dbName":"*","collectionName":"*"}"#,
        #"{"roleName":"admin","privilege":"Query","dbName":"*","collectionName":"*"}"#,
      ]
      for body in bad { try await server.failure(1100, "roles/grant_privilege_v2", body) }
    }
  }

  @Test("groups of one's own: what is granted follows what the group has, until it is revoked")
  func ownGroups() async throws {
    try await Self.withAnn { server in
      let query = #"{"collectionName":"one","filter":"id > 0"}"#
      let delete = #"{"collectionName":"one","filter":"id > 100"}"#
      let search = #"{"collectionName":"one","data":[[0,0]]}"#
      try await server.success("privilege_groups/create", #"{"privilegeGroupName":"readers"}"#)
      // Granted while it is empty.
      let grant = #"{"roleName":"worker","privilege":"readers","dbName":"default","collectionName":"one"}"#
      try await server.success("roles/grant_privilege_v2", grant)
      #expect(try await Self.status(server, "entities/query", query) == 403)
      try await server.success(
        "privilege_groups/add_privileges_to_group",
        #"{"privilegeGroupName":"readers","privileges":["Query","CollectionReadOnly"]}"#)
      #expect(try await Self.status(server, "entities/query", query) == 200)
      #expect(try await Self.status(server, "entities/search", search) == 200)
      #expect(try await Self.status(server, "entities/delete", delete) == 403)
      #expect(try await Self.status(server, "entities/query", query.replacing("one", with: "two")) == 403)
      try await server.success(
        "privilege_groups/add_privileges_to_group",
        #"{"privilegeGroupName":"readers","privileges":["Delete"]}"#)
      #expect(try await Self.status(server, "entities/delete", delete) == 200)
      try await server.success(
        "privilege_groups/remove_privileges_from_group",
        #"{"privilegeGroupName":"readers","privileges":["CollectionReadOnly","Delete","Insert"]}"#)
      #expect(try await Self.status(server, "entities/delete", delete) == 403)
      #expect(try await Self.status(server, "entities/search", search) == 403)
      #expect(try await Self.status(server, "entities/query", query) == 200)
      let list = try await server.success("privilege_groups/list", "{}")
      let groups = list["privilegeGroups"]?.array ?? []
      #expect(groups.count == 1 + Privilege.groups.count)
      #expect(groups.first?["privilegeGroupName"] == .string("readers"))
      #expect(groups.first?["privileges"] == .string("Query"))
      let used = try await server.failure(
        1100, "privilege_groups/drop", #"{"privilegeGroupName":"readers"}"#)
      #expect(used.contains("privilege group [readers] is used by role [worker], Use REVOKE API"))
      try await server.success("roles/revoke_privilege_v2", grant)
      #expect(try await Self.status(server, "entities/query", query) == 403)
      for _ in 0..<2 {
        try await server.success("privilege_groups/drop", #"{"privilegeGroupName":"readers"}"#)
      }
      // It is known no more.
      try await server.failure(1100, "roles/grant_privilege_v2", grant)
    }
  }

  @Test("a group has privileges of one level, and is granted where that level can be")
  func groupRules() async throws {
    try await Self.withAnn { server in
      let add = "privilege_groups/add_privileges_to_group"
      let group = { (privileges: String) in #"{"privilegeGroupName":"g","privileges":[\#(privileges)]}"# }
      let refused = { (path: String, body: String, says: String) async throws in
        let message = try await server.failure(1100, path, body)
        #expect(message.contains(says), "\(message)")
      }
      try await refused(add, group(#""Query""#), "there is no privilege group name [g] defined in system")
      for (name, says) in [
        ("a b", "can only contain numbers, letters and underscores"), ("9", "the first character"),
        ("Query", "is defined by built in privileges"), ("ClusterAdmin", "is defined by built in privileges"),
        (String(repeating: "x", count: 256), "the length of a privilege group name"),
      ] { try await refused("privilege_groups/create", #"{"privilegeGroupName":"\#(name)"}"#, says) }
      try await server.failure(1802, "privilege_groups/create", "{}")
      try await server.success("privilege_groups/create", #"{"privilegeGroupName":"g"}"#)
      try await refused(
        "privilege_groups/create", #"{"privilegeGroupName":"g"}"#,
        "privilege group name [g] is defined by users")
      try await refused(add, group(""), "privileges is empty")
      try await refused("privilege_groups/remove_privileges_from_group", group(""), "privileges is empty")
      try await refused(
        add, group(#""Nonsense""#), "there is no privilege name or privilege group name [Nonsense]")
      try await refused(add, group(#""g""#), "cannot be a member of another group")
      try await refused(add, group(#""Query","CreateOwnership""#), "not the same privilege level")
      // A grant for one collection shall not become one for the whole server.
      let grant = #"{"roleName":"worker","privilege":"g","dbName":"default","collectionName":"one"}"#
      try await server.success("roles/grant_privilege_v2", grant)
      try await refused(add, group(#""CreateOwnership""#), "should be * for the cluster level")
      try await server.success(add, group(#""Query""#))
      try await refused(add, group(#""DropCollection""#), "not the same privilege level")
      try await refused(
        "roles/grant_privilege_v2", grant.replacing("default", with: "*"), "please specify database name")
      // Built-in groups are nobody's to change; dropping them changes nothing.
      try await server.failure(
        1100, add, #"{"privilegeGroupName":"ClusterAdmin","privileges":["Query"]}"#)
      try await server.success("privilege_groups/drop", #"{"privilegeGroupName":"ClusterAdmin"}"#)
      let list = try await server.success("privilege_groups/list", "{}")
      #expect(list["privilegeGroups"]?.array?.count == 1 + Privilege.groups.count)
    }
  }

  @Test(
    "everything of one collection is not everything: neither other collections nor databases nor the server")
  func everythingOfOne() async throws {
    try await Self.withAnn { server in
      try await server.success(
        "roles/grant_privilege",
        #"{"roleName":"worker","objectType":"Collection","objectName":"one","privilege":"*"}"#)
      let rows = #""filter":"id >= 0","limit":1"#
      #expect(try await Self.status(server, "entities/query", #"{"collectionName":"one",\#(rows)}"#) == 200)
      #expect(try await Self.status(server, "entities/query", #"{"collectionName":"two",\#(rows)}"#) == 403)
      for (path, body) in [
        ("collections/drop", #"{"collectionName":"two"}"#),
        ("collections/drop", #"{"collectionName":"one"}"#),
        ("collections/create", #"{"collectionName":"new","dimension":2}"#),
        ("users/grant_role", #"{"userName":"ann","roleName":"admin"}"#),
        ("users/create", #"{"userName":"bob","password":"password"}"#),
        ("databases/create", #"{"dbName":"t"}"#),
      ] { #expect(try await Self.status(server, path, body) == 403, "\(path) \(body)") }
      // What is not about one collection is not granted for one.
      try await server.failure(
        1100, "roles/grant_privilege",
        #"{"roleName":"worker","objectType":"Collection","objectName":"one","privilege":"DropCollection"}"#)
      // All of everything is.
      try await server.success(
        "roles/grant_privilege",
        #"{"roleName":"worker","objectType":"Global","objectName":"*","privilege":"*","dbName":"*"}"#)
      #expect(try await Self.status(server, "collections/drop", #"{"collectionName":"two"}"#) == 200)
    }
  }

  @Test("a privilege for one database is looked for in the database that a request names")
  func namedDatabase() async throws {
    try await Self.withAnn { server in
      for name in ["t", "u"] { try await server.success("databases/create", #"{"dbName":"\#(name)"}"#) }
      let describe = { (name: String) in
        try await Self.status(server, "databases/describe", #"{"dbName":"\#(name)"}"#)
      }
      for name in ["t", "u", "default"] { #expect(try await describe(name) == 403, "\(name)") }
      try await server.success(
        "roles/grant_privilege_v2",
        #"{"roleName":"worker","privilege":"DescribeDatabase","dbName":"t","collectionName":"*"}"#)
      for (name, status) in [("t", 200), ("u", 403), ("default", 403)] {
        #expect(try await describe(name) == status, "\(name)")
      }
      // A header that names another database does not lend its privileges.
      let borrowed = try await server.post(
        "/v2/vectordb/databases/describe", #"{"dbName":"u"}"#, headers: Self.ann + [("DB-Name", "t")])
      #expect(borrowed.status == 403)
    }
  }

  @Test("a user changes his own password and sees his own roles; others' are for those who may")
  func own() async throws {
    try await Self.withAnn { server in
      let roles = try await server.milvus("users/describe", #"{"userName":"ann"}"#, headers: Self.ann)
      #expect(try roles.json["data"] == .array([.string("worker")]))
      #expect(try await Self.status(server, "users/describe", #"{"userName":"root"}"#) == 403)
      let wrong = try await server.milvus(
        "users/update_password", #"{"userName":"ann","password":"wrong!","newPassword":"other password"}"#,
        headers: Self.ann)
      #expect(wrong.text.contains("old password not correct for ann"))
      let change = #"{"userName":"ann","password":"password","newPassword":"other password"}"#
      #expect(try await Self.status(server, "users/update_password", change) == 200)
      #expect(try await Self.status(server, "collections/list", "{}") == 401)
      let header = [("Authorization", "Basic \(Data("ann:other password".utf8).base64EncodedString())")]
      #expect(try await server.post("/v2/vectordb/collections/list", "{}", headers: header).status == 200)
      try await server.success("users/drop", #"{"userName":"ann"}"#)
      #expect(try await server.post("/v2/vectordb/collections/list", "{}", headers: header).status == 401)
    }
  }

  @Test("rules of names and passwords; root and the roles that are always there stay")
  func rules() async throws {
    try await Self.withAnn { server in
      let message = try await server.failure(1100, "users/create", #"{"userName":"ben","password":"short"}"#)
      #expect(message == "invalid password length: invalid parameter[5 out of range 6 <= value <= 72]")
      for name in ["9lives", "a b", String(repeating: "x", count: 33)] {
        try await server.failure(1100, "users/create", #"{"userName":"\#(name)","password":"password"}"#)
      }
      try await server.failure(65535, "users/create", #"{"userName":"ann","password":"password"}"#)
      try await server.failure(65535, "users/create", #"{"userName":"root","password":"password"}"#)
      try await server.failure(1401, "users/drop", #"{"userName":"root"}"#)
      try await server.failure(1401, "roles/drop", #"{"roleName":"admin"}"#)
      try await server.failure(1401, "roles/drop", #"{"roleName":"public"}"#)
      try await server.failure(65535, "roles/drop", #"{"roleName":"none"}"#)
      try await server.failure(1100, "roles/create", #"{"roleName":"worker"}"#)
      try await server.success(
        "roles/grant_privilege_v2",
        #"{"roleName":"worker","privilege":"Query","dbName":"default","collectionName":"*"}"#)
      let text = try await server.failure(65535, "roles/drop", #"{"roleName":"worker"}"#)
      #expect(text.contains("fail to drop the role that it has privileges"))
      try await server.success("roles/drop", #"{"roleName":"worker","forceDrop":true}"#)
      #expect(try await server.success("users/describe", #"{"userName":"ann"}"#) == .array([]))
      #expect(
        try await server.success("users/list", "{}") == .array([.string("root"), .string("ann")]))
      // The token for reading has no business here.
      let reader = [("Authorization", "Bearer reader:reads")]
      #expect(try await server.post("/v2/vectordb/users/list", "{}", headers: reader).status == 403)
    }
  }

  private static func rpcStatus(
    _ server: ServerHarness, _ method: String, _ credentials: String
  ) async throws -> String? {
    let header = Data(credentials.utf8).base64EncodedString()
    let answers = try await RawConnection(port: server.port).answers([
      Frame.opening
        + Frame.call("/milvus.proto.milvus.MilvusService/\(method)", headers: [("authorization", header)])
    ])
    return answers.status()
  }

  @Test("over gRPC a password that is not known yet is checked before the message is read")
  func rpc() async throws {
    try await Self.withAnn { server in
      let status1 = try await Self.rpcStatus(server, "Connect", "ann:wrong")
      #expect(status1 == "16")
      let status2 = try await Self.rpcStatus(server, "Connect", "nobody:password")
      #expect(status2 == "16")
      #expect(server.engine.isKnownPassword("password", of: "ann") == nil)
      let status3 = try await Self.rpcStatus(server, "Connect", "ann:password")
      #expect(status3 == "0")
      #expect(server.engine.isKnownPassword("password", of: "ann") == true)
      let status4 = try await Self.rpcStatus(server, "Connect", "ann:password")
      #expect(status4 == "0")
      let status5 = try await Self.rpcStatus(server, "ListCredUsers", "ann:password")
      #expect(status5 == "7")
      let status6 = try await Self.rpcStatus(server, "Nonsense", "ann:password")
      #expect(status6 == "12")
    }
  }
}
