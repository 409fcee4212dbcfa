import Foundation
import MoultModel
import MoultStorage
import MoultTesting
import Synchronization
import Testing

@testable import MoultCommand

/// R2: a server process killed with SIGKILL in each phase of a backup and of a restore.
@Suite("R2: kill -9 during backup and restore", .serialized)
struct KillDuringBackupTests {
  private static let seed: UInt64 = 0x6261_636b
  private static let dimension = 384
  private static let rows = 9_000

  /// How much of the backup has gone through when the server dies; behind 1: so many seconds later, while all of it
  /// is put in.
  private static let phases = [0.0, 0.05, 0.3, 0.6, 0.9, 1, 1.01, 1.03, 1.06, 1.1]

  private func start(_ data: String) async throws -> ServerProcess {
    try await ServerProcess(
      dataDirectory: data, executable: BuiltExecutable.path,
      arguments: ["--no-auth", "--segment-rows", "2000"])
  }

  /// A server with a collection of two generations and an alias, stopped.
  private func fill(_ data: String) async throws {
    let server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      _ = try await client.createCollection(
        CreateCollectionRequest(
          name: "words", dimension: Self.dimension, metric: .innerProduct, keyKind: .int64,
          elementType: .float32))
      var random = SeededGenerator(seed: Self.seed)
      for first in stride(from: 0, to: Self.rows, by: 1_000) {
        try await client.upsert(
          PointBatch(
            ids: (first..<first + 1_000).map { .int64(Int64($0)) },
            vectors: random.floats(count: 1_000 * Self.dimension), dimension: Self.dimension,
            payloads: (first..<first + 1_000).map { #"{"n":\#($0)}"# }), elementType: .float32, to: "words")
      }
      let job = try await client.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0)
        ))
      _ = try await JobWatcher(client: client, showsProgress: false).follow(job)
      try await client.createAlias("live", collection: "words")
    }
    #expect(await server.stop() == 0)
  }

  private func requireSound(_ data: String, _ note: Comment) throws {
    let opened = try DataDirectory(path: data)
    defer { opened.close() }
    let report = opened.check(deep: true)
    #expect(report.isSound && report.orphans == [], "\(note): \(report)")
  }

  @Test(
    "killed during a backup: no file, and nothing is left in the data directory", .timeLimit(.minutes(600)))
  func backup() async throws {
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    try await fill(data)
    let kills = Scale.count(3, soak: 50)
    var files = 0
    for number in 0..<kills {
      let server = try await start(data)
      let file = directory.path + "/backup-\(number).tar"
      let phase = Self.phases[number % 3]
      let note = Comment(rawValue: "kill \(number), at \(phase)")
      try await AdminClient.with(url: server.url, token: nil) { client in
        do {
          try await client.backup([]) { bytes, total in
            let name = file + ".partial"
            if !FileManager.default.fileExists(atPath: name) {
              _ = FileManager.default.createFile(atPath: name, contents: nil)
            }
            let handle = try #require(FileHandle(forWritingAtPath: name))
            let written = try handle.seekToEnd()
            try handle.write(contentsOf: Data(bytes))
            try handle.close()
            if Double(written) >= phase * Double(total) { kill(server.processID, SIGKILL) }
          }
        } catch {}
        // The command writes its file only when the whole backup was checked.
        do {
          _ = try await BackupReceiver(client: client, names: [], path: file, force: false).run()
          Issue.record("a dead server has made a backup")
        } catch {}
        if FileManager.default.fileExists(atPath: file) { files += 1 }
      }
      await server.stop()
      let cut = try BackupReceiverOutcome(of: file + ".partial")
      #expect(!cut.isSound, note)
      let again = try await start(data)
      try await AdminClient.with(url: again.url, token: nil) { client in
        let count = try await client.collection("live").count
        #expect(count == Self.rows, note)
      }
      #expect(await again.stop() == 0)
      try requireSound(data, note)
      try? FileManager.default.removeItem(atPath: file + ".partial")
    }
    #expect(files == 0)
    Figures.note("R2", "kills in backups", kills, "files of cut backups", files)
  }

  private struct BackupReceiverOutcome {
    var isSound = false
    init(of path: String) throws {
      do {
        _ = try BackupReceiver.verify(path)
        isSound = true
      } catch is MoultError {}
    }
  }

  @Test("killed during a restore: all of it is there or nothing, with its alias", .timeLimit(.minutes(600)))
  func restore() async throws {
    let directory = TemporaryDirectory()
    let source = directory.path + "/source"
    try await fill(source)
    let file = directory.path + "/backup.tar"
    do {
      let server = try await start(source)
      try await AdminClient.with(url: server.url, token: nil) { client in
        let summary = try await BackupReceiver(client: client, names: [], path: file, force: false).run()
        #expect(summary.collections.map(\.rows) == [Self.rows] && summary.aliases == ["live": "words"])
      }
      #expect(await server.stop() == 0)
    }
    let data = directory.path + "/target"
    let kills = Scale.count(Self.phases.count, soak: 5 * Self.phases.count)
    var (whole, none) = (0, 0)
    for number in 0..<kills {
      let phase = Self.phases[number % Self.phases.count]
      let note = Comment(rawValue: "kill \(number), at \(phase)")
      let server = try await start(data)
      try await AdminClient.with(url: server.url, token: nil) { client in
        let process = server.processID
        let chunks = BackupFileChunks(path: file) { done, total in
          if phase <= 1, Double(done) >= phase * Double(total) { kill(process, SIGKILL) }
        }
        let killer = Task {
          guard phase > 1 else { return }
          try await Task.sleep(for: .milliseconds(Int((phase - 1) * 10_000)))
          kill(process, SIGKILL)
        }
        do {
          _ = try await client.restore(chunks, RestoreRequest())
        } catch {}
        try await killer.value
      }
      kill(server.processID, SIGKILL)
      await server.stop()
      let again = try await start(data)
      try await AdminClient.with(url: again.url, token: nil) { client in
        let names = try await client.collections().map(\.name)
        let aliases = try await client.aliases().map(\.alias)
        if names.isEmpty {
          none += 1
          #expect(aliases == [], note)
        } else {
          whole += 1
          #expect(names == ["words"] && aliases == ["live"], note)
          #expect(try await client.collection("live").count == Self.rows, note)
          #expect(try await client.rollback("words").specification.quantization == .none, note)
          try await client.dropAlias("live")
          try await client.dropCollection("words")
        }
      }
      #expect(await again.stop() == 0)
      try requireSound(data, note)
    }
    #expect(none > 0)
    // The last word: without a kill it is there.
    let server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      _ = try await client.restore(BackupFileChunks(path: file) { _, _ in }, RestoreRequest())
      #expect(try await client.collection("live").count == Self.rows)
    }
    #expect(await server.stop() == 0)
    Figures.note(
      "R2", "kills in restores", kills, "restored", whole, "not restored", none)
  }
}
