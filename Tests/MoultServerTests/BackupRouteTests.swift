import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@Suite("Admin API: backup and restore")
struct BackupRouteTests {
  private static let root = "/moult/v1"

  private func fill(_ server: ServerHarness, _ name: String, rows: Int) async throws {
    _ = try await server.post(
      Self.root + "/collections", #"{"name":"\#(name)","dimension":64,"metric":"ip"}"#)
    var random = SeededGenerator(seed: 1)
    for first in stride(from: 0, to: rows, by: 100) {
      let points = (first..<first + 100).map { id in
        #"{"id":\#(id),"vector":[\#((0..<64).map { _ in "\(random.float())" }.joined(separator: ","))]}"#
      }
      let written = try await server.post(
        Self.root + "/collections/\(name)/points", #"{"points":[\#(points.joined(separator: ","))]}"#)
      #expect(written.status == 200, "\(written.text)")
    }
  }

  @Test("a backup goes through HTTP and back, beyond the limit of bodies, and answers as before")
  func roundTrip() async throws {
    let limit = 200_000
    try await ServerHarness.with(token: "secret", bodyBytesMax: limit, segmentRowsMax: 500) { server in
      try await fill(server, "words", rows: 2_000)
      try await fill(server, "other", rows: 100)
      _ = try await server.post(Self.root + "/aliases", #"{"alias":"live","collection":"words"}"#)
      let search = #"{"queries":[[\#((0..<64).map { "\($0)" }.joined(separator: ","))]],"limit":5}"#
      let before = try await server.post(Self.root + "/collections/live/search", search).json["hits"]

      let backup = try await server.get(Self.root + "/backup?collections=live")
      #expect(backup.status == 200 && backup.header("content-type") == "application/x-tar")
      #expect(backup.body.count > 2 * limit && backup.body.count % 512 == 0)
      #expect(Int(backup.header("moult-backup-bytes") ?? "")! <= backup.body.count)
      func restore(_ query: String, _ body: [UInt8]) async throws -> ServerHarness.Answer {
        try await server.sendChunked(.post, Self.root + "/restore" + query, body, type: "application/x-tar")
      }
      let refused = try await restore("", backup.body)
      #expect(refused.status == 409 && refused.errorCode == "collectionExists", "\(refused.text)")
      let bad = try await restore("?ifExists=ask", backup.body)
      #expect(bad.status == 400)
      let cut = try await restore("?as=copy", Array(backup.body.dropLast(600)))
      #expect(
        cut.status == 500 && cut.errorCode == "corrupted" && cut.text.contains("at byte"), "\(cut.text)")
      #expect(try await server.get(Self.root + "/collections").json["collections"]?.array?.count == 2)

      let copied = try await restore("?as=copy", backup.body)
      #expect(copied.status == 200, "\(copied.text)")
      #expect(try copied.json["collections"]?.array?.first?["rows"] == .int(2_000))
      #expect(try await server.post(Self.root + "/collections/copy/search", search).json["hits"] == before)
      let replaced = try await restore("?only=words&ifExists=replace", backup.body)
      #expect(try replaced.json["collections"]?.array?.first?["replaced"] == .bool(true))
      #expect(try await server.post(Self.root + "/collections/live/search", search).json["hits"] == before)

      #expect(
        try await server.get(Self.root + "/backup?collections=nowhere").errorCode == "collectionNotFound")
      let stranger = try await server.get(Self.root + "/backup", headers: [("authorization", "")])
      #expect(stranger.status == 401)
    }
  }
}
