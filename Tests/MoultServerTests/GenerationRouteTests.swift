import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import NIOCore
import Testing

@Suite("Admin API: generations, jobs and aliases")
struct GenerationRouteTests {
  private static let root = "/moult/v1"

  /// 600 random points of dimension 16.
  private static func fill(_ server: ServerHarness, _ name: String) async throws {
    _ = try await server.post(
      Self.root + "/collections", #"{"name":"\#(name)","dimension":16,"metric":"l2"}"#)
    var random = SeededGenerator(seed: 7)
    let frame = PointFrame(
      count: 600, dimension: 16, ids: (0..<600).map { .int64(Int64($0)) },
      vectors: (0..<600 * 16).map { _ in Float.random(in: -1...1, using: &random) })
    let answer = try await server.send(
      .post, Self.root + "/collections/\(name)/points", Array(frame.encode().readableBytesView),
      type: PointFrame.mediaType)
    #expect(answer.status == 200, "\(answer.text)")
  }

  @Test("a plan says what a switch would take and starts nothing; limits that cannot be kept are refused")
  func plan() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let path = Self.root + "/collections/words/switch"
      let plan = try await server.post(path + "/plan", #"{"specification":{"quantization":"int8"}}"#)
      #expect(plan.status == 200, "\(plan.text)")
      #expect(try plan.json["bytesPerVectorAfter"]?.int ?? 0 >= 16)
      #expect(try plan.json["diskNeeded"]?.int ?? 0 > 0)
      #expect(try plan.json["basis"]?.string?.isEmpty == false)
      for limits in [
        #"{"memoryBytes":1000}"#, #"{"rowsPerSecond":0}"#, #"{"maximumP99Rise":-1}"#, #"{"rows":1}"#,
      ] {
        for route in ["", "/plan"] {
          let refused = try await server.post(
            path + route, #"{"specification":{"quantization":"int8"},"limits":\#(limits)}"#)
          #expect(refused.status == 400, "\(limits): \(refused.text)")
        }
      }
      #expect(try await server.get(Self.root + "/jobs").json["jobs"]?.array?.isEmpty == true)
    }
  }

  @Test("a switch is accepted, watched to its end, seen in the generations, and rolled back")
  func switchAndRollback() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let before = try await server.get(Self.root + "/collections/words").json["generation"]?["id"]?.int
      let accepted = try await server.post(
        Self.root + "/collections/words/switch",
        #"{"specification":{"quantization":"int8"},"gate":{"minimumRecall":0,"k":5,"queries":[[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]]}}"#
      )
      #expect(accepted.status == 202, "\(accepted.text)")
      let id = try #require(try accepted.json["id"]?.int)
      let job = try await server.finished(id)
      #expect(job["state"] == .string("completed"), "\(job)")
      #expect(job["report"]?["querySource"] == .string("given"))
      let now = try #require(job["generation"]?.int)
      #expect(now != before)

      let generations = try await server.get(Self.root + "/collections/words/generations").json[
        "generations"]?.array
      #expect(generations?.map { $0["state"]?.string } == ["live", "retained"])
      #expect(generations?.first?["specification"]?["quantization"] == .string("int8"))
      let search = try await server.send(
        .post, Self.root + "/collections/words/search?dimension=16&limit=1", [UInt8](repeating: 0, count: 64),
        type: "application/octet-stream")
      #expect(search.header("moult-generation") == "\(now)")

      let back = try await server.post(Self.root + "/collections/words/rollback", "{}")
      #expect(back.status == 200, "\(back.text)")
      #expect(try back.json["id"]?.int == before)
      let jobs = try await server.get(Self.root + "/jobs?subject=words&state=completed&limit=5").json["jobs"]?
        .array
      #expect(jobs?.map { $0["id"]?.int } == [id])
    }
  }

  @Test("a gate that cannot be met fails the job and changes nothing; cancel and retry know the states")
  func gate() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let before = try await server.get(Self.root + "/collections/words").json["generation"]
      let accepted = try await server.post(
        Self.root + "/collections/words/switch",
        #"{"specification":{"quantization":"binary","oversampling":1},"gate":{"minimumRecall":1}}"#)
      let id = try #require(try accepted.json["id"]?.int)
      let job = try await server.finished(id)
      #expect(job["state"] == .string("failed"))
      #expect(job["errorCode"] == .string("recallGateFailed"), "\(job)")
      #expect(try await server.get(Self.root + "/collections/words").json["generation"] == before)

      let cancel = try await server.post(Self.root + "/jobs/\(id)/cancel", "{}")
      #expect(cancel.status == 409)
      #expect(cancel.errorCode == "jobStateConflict")
      #expect(
        try await server.post(Self.root + "/jobs/\(id)/priority", #"{"priority":1}"#).errorCode
          == "jobStateConflict")
      #expect(
        try await server.post(Self.root + "/jobs/\(id)/priority", #"{"priority":101}"#).errorCode
          == "invalidArgument")
      #expect(try await server.post(Self.root + "/jobs/\(id)/priority", "{}").errorCode == "invalidArgument")
      for verb in ["pause", "resume"] {
        #expect(
          try await server.post(Self.root + "/jobs/\(id)/\(verb)", "{}").errorCode == "jobStateConflict")
      }
      let dead = try await server.get(Self.root + "/jobs?state=failed").json["jobs"]?.array
      #expect(dead?.map { $0["error"] } == [job["error"]], "a dead letter keeps its error")
      let again = try await server.post(Self.root + "/jobs/\(id)/retry", "{}")
      #expect(again.status == 200)
      #expect(try again.json["error"] == job["error"], "also while it is tried again")
      _ = try await server.finished(id)
      let rollback = try await server.post(Self.root + "/collections/words/rollback", "{}")
      #expect(rollback.status == 409)
      #expect(rollback.errorCode == "nothingToRollBack")
      for path in ["/jobs/999", "/jobs/999/cancel", "/jobs/999/retry", "/jobs/999/pause"] {
        let answer =
          path.hasSuffix("999")
          ? try await server.get(Self.root + path) : try await server.post(Self.root + path, "")
        #expect(answer.status == 404)
        #expect(answer.errorCode == "jobNotFound")
      }
      #expect(try await server.get(Self.root + "/jobs/one").status == 400)
      #expect(try await server.get(Self.root + "/jobs/\(id)?wait=31").status == 400)
    }
  }

  @Test("a reindex fills a new collection and moves the alias")
  func reindex() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let made = try await server.post(Self.root + "/aliases", #"{"alias":"current","collection":"words"}"#)
      #expect(made.status == 201)
      let accepted = try await server.post(
        Self.root + "/reindex",
        #"{"source":"words","target":"short","specification":{"dimensions":8},"alias":"current","gate":{"minimumRecall":0}}"#
      )
      #expect(accepted.status == 202, "\(accepted.text)")
      let job = try await server.finished(try #require(try accepted.json["id"]?.int))
      #expect(job["state"] == .string("completed"), "\(job)")
      let alias = try await server.get(Self.root + "/aliases/current").json
      #expect(alias["collection"] == .string("short"))
      let info = try await server.get(Self.root + "/collections/current").json
      #expect(info["count"] == .int(600))
      #expect(info["generation"]?["specification"]?["dimensions"] == .int(8))
    }
  }

  @Test("aliases are made, listed, moved with a condition, and dropped")
  func aliases() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine("a")
      try await server.makeLine("b")
      let path = Self.root + "/aliases"
      #expect(try await server.post(path, #"{"alias":"x","collection":"a"}"#).status == 201)
      #expect(try await server.post(path, #"{"alias":"x","collection":"a"}"#).status == 201)
      let taken = try await server.post(path, #"{"alias":"x","collection":"b"}"#)
      #expect(taken.status == 409)
      #expect(taken.errorCode == "aliasExists")
      let conflict = try await server.post(path, #"{"alias":"a","collection":"b"}"#)
      #expect(conflict.status == 409)
      #expect(conflict.errorCode == "nameConflict")

      let refused = try await server.send(
        .put, path + "/x", Array(#"{"collection":"b","ifCurrent":"b"}"#.utf8))
      #expect(refused.status == 409)
      let moved = try await server.send(.put, path + "/x", Array(#"{"collection":"b","ifCurrent":"a"}"#.utf8))
      #expect(moved.status == 200, "\(moved.text)")
      #expect(try moved.json["collection"] == .string("b"))
      #expect(try await server.get(path).text == #"{"aliases":[{"alias":"x","collection":"b"}]}"#)
      #expect(try await server.get(path + "?collection=a").json["aliases"]?.array?.isEmpty == true)

      let held = try await server.send(.delete, Self.root + "/collections/b")
      #expect(held.status == 409)
      #expect(held.errorCode == "collectionHasAliases")
      #expect(try await server.send(.delete, path + "/x").status == 204)
      let gone = try await server.send(.delete, path + "/x")
      #expect(gone.status == 404)
      #expect(gone.errorCode == "aliasNotFound")
    }
  }
}
