import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCommand

/// R2: a server process killed with SIGKILL while a client moves several aliases by batches. All of them are where a batch
/// has put them: the last one that was answered, or the one behind it.
@Suite("R2: kill -9 during alias batches", .serialized)
struct KillDuringAliasBatchTests {
  private static let seed: UInt64 = 0x616c_6961
  private static let aliases = (0..<8).map { "alias\($0)" }

  /// Moves all aliases to the collection; what a batch is, or its broken twin.
  private typealias Move = @Sendable (AdminClient, _ collection: String) async throws -> Void

  private struct Outcome {
    var kills = 0
    var batches = 0
    /// Restarts that find aliases at different collections.
    var between = 0
    /// Restarts that find neither what was acknowledged nor what was asked for last.
    var lost = 0
  }

  @Test("killed at any moment of a batch, all of it has happened or nothing", .timeLimit(.minutes(600)))
  func kills() async throws {
    let kills = Scale.count(3, soak: 50)
    let outcome = try await run(kills: kills) { client, collection in
      _ = try await client.changeAliases(Self.aliases.map { .alter($0, collection: collection) })
    }
    #expect(outcome.between == 0 && outcome.lost == 0 && outcome.batches > 0)
    Figures.note(
      "R2", "kills in alias batches", outcome.kills, "batches", outcome.batches, "between", outcome.between,
      "lost", outcome.lost)
  }

  @Test("control: a batch carried out action by action is found half-done", .tags(.control))
  func control() async throws {
    let outcome = try await run(kills: 8, untilFound: true) { client, collection in
      for alias in Self.aliases { try await client.alterAlias(alias, collection: collection) }
    }
    #expect(outcome.between > 0)
  }

  private func run(kills: Int, untilFound: Bool = false, _ move: @escaping Move) async throws -> Outcome {
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    var random = SeededGenerator(seed: Self.seed)
    var outcome = Outcome()
    var server = try await start(data)
    try await AdminClient.with(url: server.url, token: nil) { client in
      for name in ["a", "b"] {
        _ = try await client.createCollection(
          CreateCollectionRequest(
            name: name, dimension: 2, metric: .innerProduct, keyKind: .int64, elementType: .float32))
      }
      _ = try await client.changeAliases(Self.aliases.map { .create($0, collection: "a") })
    }
    var present = "a"
    while outcome.kills < kills, !untilFound || outcome.between == 0 {
      let client = try AdminClient(url: server.url, token: nil)
      let mover = Task { [present] in
        var (acknowledged, asked, count) = (present, present, 0)
        while true {
          asked = acknowledged == "a" ? "b" : "a"
          do { try await move(client, asked) } catch { return (acknowledged, asked, count) }
          (acknowledged, count) = (asked, count + 1)
        }
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 40..<250, using: &random)))
      kill(server.processID, SIGKILL)
      let (acknowledged, asked, count) = await mover.value
      await client.shutdown()
      await server.stop()
      outcome.kills += 1
      outcome.batches += count
      server = try await start(data)
      try await AdminClient.with(url: server.url, token: nil) { client in
        let found = Set(try await client.aliases().map(\.collection))
        if found.count != 1 { outcome.between += 1 }
        if found.isDisjoint(with: [acknowledged, asked]) { outcome.lost += 1 }
        present = found.first ?? "a"
      }
    }
    await server.stop()
    return outcome
  }

  private func start(_ data: String) async throws -> ServerProcess {
    try await ServerProcess(
      dataDirectory: data, executable: BuiltExecutable.path, arguments: ["--no-auth"])
  }
}
