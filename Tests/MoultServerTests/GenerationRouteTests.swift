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

      let path = Self.root + "/collections/words/rollback"
      let refused = try await server.post(path, #"{"ifCurrent":\#(before ?? 0)}"#)
      #expect(refused.status == 409 && refused.errorCode == "generationConflict", "\(refused.text)")
      #expect(try await server.post(path, #"{"ifCurrent":"now"}"#).errorCode == "invalidArgument")
      let back = try await server.post(path, #"{"ifCurrent":\#(now)}"#)
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

      // Under the alias the way back leads to the collection before.
      let path = Self.root + "/collections/current/rollback"
      let back = try await server.post(path, "{}")
      #expect(back.status == 200, "\(back.text)")
      #expect(try await server.get(Self.root + "/aliases/current").json["collection"] == .string("words"))
      _ = try await server.post(Self.root + "/collections/words/points/delete", #"{"ids":[1]}"#)
      let refused = try await server.post(path, "{}")
      #expect(refused.status == 409 && refused.errorCode == "generationConflict", "\(refused.text)")
      #expect(try await server.post(path, #"{"force":"yes"}"#).errorCode == "invalidArgument")
      #expect(try await server.post(path, #"{"force":true}"#).status == 200)
      #expect(try await server.get(Self.root + "/aliases/current").json["collection"] == .string("short"))
      let history = try await server.get(Self.root + "/history?name=current&limit=1").json["history"]?.array
      #expect(history?.first?["action"] == .string("aliasRolledBack"), "\(String(describing: history))")
    }
  }

  /// A job when its state is as wanted, or it has ended.
  private static func job(_ id: Int64, in server: ServerHarness, is state: String) async throws -> JSON {
    while true {
      let job = try await server.get(Self.root + "/jobs/\(id)?wait=20").json
      if [state, "completed", "failed", "cancelled"].contains(job["state"]?.string) { return job }
    }
  }

  @Test("a job is held, throttled, looked at, put off and released; another one comes after it")
  func control() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let words = Self.root + "/collections/words"
      let body = #""specification":{"quantization":"int8"},"gate":{"minimumRecall":0}"#
      let accepted = try await server.post(words + "/switch", #"{\#(body),"swapAt":"manual"}"#)
      let id = try #require(try accepted.json["id"]?.int)
      #expect(try await Self.job(id, in: server, is: "held")["state"] == .string("held"))
      let jobs = Self.root + "/jobs/\(id)"

      let next = try await server.post(
        words + "/switch",
        #"{"specification":{"quantization":"binary"},"gate":{"minimumRecall":0},"after":[\#(id)]}"#)
      #expect(next.status == 202, "\(next.text)")
      #expect(try next.json["after"]?.array?.compactMap(\.int) == [id])
      let second = try #require(try next.json["id"]?.int)
      for (after, code) in [
        ("[\(second),99]", "jobNotFound"), (#"["7"]"#, "invalidArgument"), ("7", "invalidArgument"),
      ] {
        let refused = try await server.post(words + "/switch", #"{\#(body),"after":\#(after)}"#)
        #expect(refused.errorCode == code, "\(after): \(refused.text)")
      }

      let throttled = try await server.post(
        jobs + "/throttle", #"{"rowsPerSecond":1000,"memoryBytes":1073741824}"#)
      #expect(throttled.status == 200, "\(throttled.text)")
      _ = try await server.post(jobs + "/throttle", #"{"rowsPerSecond":"none","maximumP99Rise":0.5}"#)
      for bad in [
        "{}", #"{"rowsPerSecond":null}"#, #"{"rowsPerSecond":"fast"}"#, #"{"rowsPerSecond":0}"#,
        #"{"rows":1}"#,
        #"{"memoryBytes":1.5}"#,
      ] {
        #expect(try await server.post(jobs + "/throttle", bad).errorCode == "invalidArgument", "\(bad)")
      }
      #expect(try await server.post(Self.root + "/jobs/99/throttle", #"{"rowsPerSecond":1}"#).status == 404)
      let status = try await server.get(jobs + "/status").json
      #expect(status["limits"]?["maximumP99Rise"]?.double == 0.5)
      #expect(status["limits"]?["memoryBytes"]?.int == 1 << 30)
      #expect(status["limits"]?["rowsPerSecond"] == nil)
      #expect(status["gate"] == .string("passed") && status["building"]?.int != nil)
      #expect(status["job"]?["state"] == .string("held"))
      let collection = try await server.get(words + "/status")
      #expect(collection.header("moult-collection") == "words")
      #expect(
        try collection.json["jobs"]?.array?.map { $0["job"]?["id"]?.int } == [id, second])
      #expect(try await server.get(Self.root + "/jobs/99/status").errorCode == "jobNotFound")
      #expect(try await server.get(Self.root + "/collections/none/status").errorCode == "collectionNotFound")

      for (until, code) in [
        ("{}", "invalidArgument"), (#"{"until":"soon"}"#, "invalidArgument"),
        (#"{"until":-1}"#, "invalidArgument"),
      ] {
        #expect(try await server.post(jobs + "/hold", until).errorCode == code, "\(until)")
      }
      let later = try await server.post(jobs + "/hold", #"{"until":253402300798000}"#)
      #expect(try later.json["heldUntil"]?.int == 253_402_300_798_000)
      #expect(try await server.post(jobs + "/release", "").status == 200)
      #expect(try await server.finished(id)["state"] == .string("completed"))
      #expect(try await server.finished(second)["state"] == .string("completed"))
      for verb in ["hold", "release"] {
        let body = verb == "hold" ? #"{"until":"manual"}"# : ""
        #expect(try await server.post(jobs + "/\(verb)", body).errorCode == "jobStateConflict")
      }
      #expect(try await server.post(Self.root + "/jobs/99/release", "").errorCode == "jobNotFound")
      #expect(try await server.get(words + "/status").json["last"]?["id"]?.int == second)
    }
  }

  @Test("a reindex has a plan too, which starts nothing")
  func reindexPlan() async throws {
    try await ServerHarness.with { server in
      try await Self.fill(server, "words")
      let path = Self.root + "/reindex/plan"
      let body = #""source":"words","specification":{"quantization":"int8"}"#
      let plan = try await server.post(path, #"{\#(body),"target":"copy"}"#)
      #expect(plan.status == 200, "\(plan.text)")
      #expect(try plan.json["recall"]?["rows"]?.int == 600)
      #expect(try plan.json["tiers"]?.array?.count == 3)
      #expect(try await server.post(path, #"{\#(body),"target":"words"}"#).errorCode == "collectionExists")
      #expect(try await server.get(Self.root + "/jobs").json["jobs"]?.array?.isEmpty == true)
    }
  }

  @Test("the history tells who has changed which alias, page by page; a drop may be bound to its target")
  func history() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine("a")
      try await server.makeLine("b")
      _ = try await server.send(
        .post, Self.root + "/aliases", Array(#"{"alias":"x","collection":"a"}"#.utf8),
        headers: [("moult-requester", "ann")])
      let alias = Self.root + "/aliases/x"
      let refused = try await server.send(.delete, alias + "?ifCurrent=b")
      #expect(refused.status == 409 && refused.errorCode == "aliasExists", "\(refused.text)")
      #expect(try await server.get(alias).json["collection"] == .string("a"))
      #expect(try await server.send(.delete, alias + "?ifcurrent=a").status == 400)
      #expect(try await server.send(.delete, alias + "?ifCurrent=a").status == 204)

      let path = Self.root + "/history"
      let entries = try #require(try await server.get(path + "?name=x").json["history"]?.array)
      #expect(entries.map { $0["action"]?.string } == ["aliasDropped", "aliasCreated"])
      #expect(entries.map { $0["before"]?.string } == ["a", nil])
      #expect(entries.map { $0["requestedBy"]?.string } == [nil, "ann"])
      let first = try #require(
        try await server.get(path + "?limit=1").json["history"]?.array?.first?["id"]?.int)
      let rest = try await server.get(path + "?before=\(first)").json["history"]?.array
      #expect(
        rest?.map { $0["action"]?.string } == ["aliasCreated", "collectionCreated", "collectionCreated"])
      for bad in ["?limit=0", "?limit=10001", "?before=x", "?names=x"] {
        #expect(try await server.get(path + bad).status == 400, "\(bad)")
      }
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

  @Test("a batch of alias actions answers what moved from where to where, or changes nothing")
  func aliasBatch() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine("a")
      try await server.makeLine("b")
      let path = Self.root + "/aliases"
      func patch(_ actions: String) async throws -> ServerHarness.Answer {
        try await server.send(.patch, path, Array(#"{"actions":[\#(actions)]}"#.utf8))
      }
      let made = try await patch(
        #"""
        {"action":"create","alias":"x","collection":"a","ifAbsent":true},
        {"action":"set","alias":"y","collection":"b"},{"action":"swap","alias":"x","with":"y"},
        {"action":"rename","alias":"y","to":"z","ifCurrent":"a"},
        {"action":"drop","alias":"w","ifExists":true}
        """#)
      #expect(made.status == 200)
      #expect(
        made.text == #"{"changes":[{"after":"a","alias":"x"},{"after":"b","alias":"y"},"#
          + #"{"after":"b","alias":"x","before":"a"},{"after":"a","alias":"y","before":"b"},"#
          + #"{"alias":"y","before":"a"},{"after":"a","alias":"z"}]}"#)
      let refused = try await patch(
        #"{"action":"drop","alias":"x"},{"action":"alter","alias":"z","collection":"b","ifCurrent":"b"}"#)
      #expect(refused.status == 409 && refused.errorCode == "aliasExists")
      #expect(
        try await server.get(path).text
          == #"{"aliases":[{"alias":"x","collection":"b"},{"alias":"z","collection":"a"}]}"#)
      for (actions, named) in [
        (#"{"action":"move","alias":"x"}"#, "move"), (#"{"action":"drop"}"#, "actions[0].alias"),
        (#"{"action":"swap","alias":"x","to":"z"}"#, "actions[0].to"), ("7", "actions[0]"), ("", "0"),
      ] {
        let bad = try await patch(actions)
        #expect(bad.status == 400 && bad.text.contains(named), "\(bad.text)")
      }
    }
  }
}
