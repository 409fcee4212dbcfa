import MoultModel
import MoultServerTesting
import Testing

@testable import MoultServer

@Suite("Vector fields over HTTP")
struct VectorFieldRouteTests {
  @discardableResult
  private func expect(
    _ server: ServerHarness, _ method: ServerHarness.Method, _ path: String, _ json: String?, status: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> String {
    let answer = try await server.send(
      method, path, json.map { Array($0.utf8) }, headers: [("Accept", "application/json")])
    #expect(answer.status == status, "\(answer.text)", sourceLocation: sourceLocation)
    return answer.text
  }

  @Test("a first field cannot be called as what stands for none")
  func placeholderNames() async throws {
    try await ServerHarness.with { server in
      for name in ["_none", "_placeholder_vector"] {
        let refused = try await expect(
          server, .post, "/moult/v1/collections", #"{"name":"c","dimension":1,"vectorField":"\#(name)"}"#,
          status: 400)
        #expect(refused.contains("which stand for no vector"))
      }
    }
  }

  @Test("fields are made, written, searched, read, switched apart and dropped")
  func lifeOfAField() async throws {
    try await ServerHarness.with { server in
      let root = "/moult/v1/collections"
      try await expect(
        server, .post, root,
        #"{"name":"words","dimension":2,"metric":"l2","fields":[{"name":"title","dimension":3,"metric":"ip"}]}"#,
        status: 201)
      try await expect(
        server, .post, "\(root)/words/fields", #"{"name":"image","dimension":1,"metric":"l2"}"#, status: 201)
      try await expect(
        server, .post, "\(root)/words/points",
        #"""
        {"points":[{"id":1,"vector":[1,0],"fields":{"title":[1,2,3],"image":[5]}},
         {"id":2,"vector":[0,1],"fields":{"title":[3,2,1],"image":null}},{"id":3,"vector":[1,1]}]}
        """#, status: 200)
      let found = try await expect(
        server, .post, "\(root)/words:title/search", #"{"queries":[[1,0,0]],"limit":5}"#, status: 200)
      #expect(found.contains(#""id":2"#) && found.contains(#""id":1"#) && !found.contains(#""id":3"#))
      // As clients send it, `moult` among them.
      let encoded = try await expect(
        server, .post, "\(root)/words%3Atitle/search", #"{"queries":[[1,0,0]],"limit":5}"#, status: 200)
      #expect(encoded == found)
      let page = try await expect(server, .get, "\(root)/words/points", nil, status: 200)
      #expect(page.contains(#""fields":{"image":[5.0],"title":[1.0,2.0,3.0]}"#))
      #expect(page.contains(#""fields":{"title":[3.0,2.0,1.0]}"#))
      let own = try await expect(server, .get, "\(root)/words:image/points", nil, status: 200)
      #expect(own.contains(#""vector":[5.0]"#) && !own.contains(#""id":2"#) && !own.contains(#""id":3"#))

      // What is wrong is named, and changes nothing.
      let wrong = try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":4,"vector":[1,0],"fields":{"title":[1]}}]}"#, status: 400)
      #expect(wrong.contains("points[0].fields.title") && wrong.contains("expected 3 numbers, got 1"))
      let unknown = try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":4,"vector":[1,0],"fields":{"other":[1]}}]}"#, status: 400)
      #expect(unknown.contains("other"))
      let written = try await expect(
        server, .post, "\(root)/words:title/points", #"{"points":[{"id":4,"vector":[1,0,0]}]}"#, status: 400)
      #expect(written.contains("write points to 'words'"))
      _ = try await expect(
        server, .post, "\(root)/words/fields", #"{"name":"image","dimension":1}"#, status: 409)

      try await expect(server, .delete, "\(root)/words/fields/image", nil, status: 204)
      try await expect(server, .delete, "\(root)/words/fields/vector", nil, status: 400)
      let rest = try await expect(server, .get, "\(root)/words", nil, status: 200)
      #expect(rest.contains(#""name":"title""#) && !rest.contains(#""name":"image""#))
      try await expect(server, .get, "\(root)/words:image", nil, status: 404)
    }
  }

  @Test("a field is added, filled by the client, compared, made the default, and the old one dropped")
  func replaced() async throws {
    try await ServerHarness.with { server in
      let root = "/moult/v1/collections"
      try await expect(
        server, .post, root,
        #"{"name":"words","dimension":1,"metric":"l2","fields":[{"name":"old","dimension":2,"metric":"l2"}]}"#,
        status: 201)
      try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":1,"vector":[1],"fields":{"old":[1,0]}},{"id":2,"vector":[2],"fields":{"old":[0,1]}}]}"#,
        status: 200)
      try await expect(server, .put, "\(root)/words/default", #"{"field":"old"}"#, status: 200)
      try await expect(
        server, .post, "\(root)/words/fields", #"{"name":"new","dimension":2,"metric":"l2"}"#, status: 201)
      try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":1,"vector":[1],"fields":{"old":[1,0],"new":[1,1]}}]}"#, status: 200)

      let half = try await expect(
        server, .post, "\(root)/words:new/search", #"{"queries":[[1,1]],"limit":2}"#, status: 409)
      #expect(half.contains("1 of 2 points") && half.contains("collectionNotReady"))
      try await expect(
        server, .post, "\(root)/words:new/search", #"{"queries":[[1,1]],"limit":2,"allowPartial":true}"#,
        status: 200)
      #expect(
        try await expect(server, .get, "\(root)/words:new", nil, status: 200).contains(#""isPartial":true"#))
      try await expect(server, .put, "\(root)/words/default", #"{"field":"new"}"#, status: 409)
      let compare =
        #"{"a":"words:old","b":"words:new","queries":[[1,0]],"queriesOfB":[[1,1]],"k":1,"minimumOverlap":1}"#
      try await expect(server, .post, "/moult/v1/compare", compare, status: 409)

      try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":2,"vector":[2],"fields":{"old":[0,1],"new":[-1,1]}}]}"#, status: 200)
      try await expect(server, .put, "\(root)/words/default", #"{"field":"new"}"#, status: 200)
      let refused = try await expect(server, .delete, "\(root)/words/fields/old", nil, status: 409)
      #expect(refused.contains("notProven") && refused.contains("moult compare words:old words:new"))
      let verdict = try await expect(server, .post, "/moult/v1/compare", compare, status: 200)
      #expect(verdict.contains(#""passed":true"#), "\(verdict)")
      try await expect(server, .delete, "\(root)/words/fields/old", nil, status: 204)
      let history = try await expect(server, .get, "/moult/v1/history", nil, status: 200)
      #expect(history.contains(#""action":"comparisonPassed""#), "\(history)")
      #expect(history.contains("1.0 of 1 hits in common"))
      #expect(history.contains(#""action":"defaultFieldMoved""#))
    }
  }

  @Test("the first field is dropped once another is the default, and points are written and read without it")
  func firstDropped() async throws {
    try await ServerHarness.with { server in
      let root = "/moult/v1/collections"
      try await expect(
        server, .post, root,
        #"{"name":"words","dimension":2,"metric":"l2","fields":[{"name":"new","dimension":2,"metric":"l2"}]}"#,
        status: 201)
      try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":1,"vector":[1,0],"fields":{"new":[2,0]}},{"id":2,"vector":[0,1],"fields":{"new":[0,2]}}]}"#,
        status: 200)
      try await expect(server, .put, "\(root)/words/default", #"{"field":"new"}"#, status: 200)
      let refused = try await expect(server, .delete, "\(root)/words/fields/vector", nil, status: 409)
      #expect(refused.contains("notProven") && refused.contains("moult compare words:vector words:new"))
      try await expect(
        server, .post, "/moult/v1/compare",
        #"{"a":"words:vector","b":"words:new","queries":[[1,0]],"queriesOfB":[[2,0]],"k":1,"minimumOverlap":1}"#,
        status: 200)
      try await expect(server, .delete, "\(root)/words/fields/vector", nil, status: 204)
      let info = try await expect(server, .get, "\(root)/words", nil, status: 200)
      #expect(info.contains(#""vectorField":"_none""#) && info.contains(#""searchField":"new""#))

      let wrong = try await expect(
        server, .post, "\(root)/words/points", #"{"points":[{"id":3,"vector":[0]}]}"#, status: 400)
      #expect(wrong.contains("no first vector field") && wrong.contains("(new)"))
      try await expect(
        server, .post, "\(root)/words/points",
        #"{"points":[{"id":3,"fields":{"new":[1,1]}},{"id":4,"payload":{"word":"none"}}]}"#, status: 200)
      let page = try await expect(server, .get, "\(root)/words/points", nil, status: 200)
      #expect(!page.contains(#""vector":"#) && page.contains(#""fields":{"new":[1.0,1.0]}"#))
      // In binary there is no place for fields.
      let frame = try await server.send(.get, "\(root)/words/points")
      #expect(frame.status == 200)
      let found = try await expect(
        server, .post, "\(root)/words/search", #"{"queries":[[1,1]],"limit":1}"#, status: 200)
      #expect(found.contains(#""id":3"#))
      try await expect(server, .delete, "\(root)/words/fields/_none", nil, status: 404)
    }
  }
}
