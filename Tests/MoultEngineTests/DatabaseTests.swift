import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Databases")
struct DatabaseTests {
  private static let schema = CollectionSchema(dimension: 2)

  private func code(_ body: () async throws -> Void) async -> MoultError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  @Test("a collection needs its database, and the database stays while it has one")
  func rules() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    #expect(engine.databases().map(\.name) == ["default"])
    #expect(engine.databases()[0].id == 1)
    #expect(
      await code { _ = try await engine.createCollection("t.a", schema: Self.schema) } == .databaseNotFound)
    #expect(
      await code { _ = try await engine.createCollection("default.a", schema: Self.schema) }
        == .invalidArgument)
    try await engine.createDatabase("t", properties: [.init(key: "k", value: "v")])
    #expect(await code { try await engine.createDatabase("t", properties: []) } == .databaseExists)
    #expect(await code { try await engine.createDatabase("a-b", properties: []) } == .invalidArgument)
    _ = try await engine.createCollection("t.a", schema: Self.schema)
    _ = try await engine.createCollection("a", schema: Self.schema)
    #expect(await code { try await engine.dropDatabase("t") } == .databaseNotEmpty)
    #expect(await code { try await engine.dropDatabase("default") } == .invalidArgument)
    #expect(await code { try await engine.dropDatabase("u") } == .databaseNotFound)
    try await engine.dropCollection("t.a")
    try await engine.dropDatabase("t")
    #expect(engine.databases().map(\.name) == ["default"])
    try await harness.shutDown()
  }

  @Test("a name that only begins like a database's does not keep it")
  func prefixes() async throws {
    let harness = try await EngineHarness()
    for name in ["t", "tt"] { try await harness.engine.createDatabase(name, properties: []) }
    for name in ["tt.a", "t_", "t"] {
      _ = try await harness.engine.createCollection(name, schema: Self.schema)
    }
    try await harness.engine.dropDatabase("t")
    #expect(await code { try await harness.engine.dropDatabase("tt") } == .databaseNotEmpty)
    try await harness.shutDown()
  }

  @Test("an alias belongs to the database of its collection, and so it stays")
  func aliases() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    for name in ["t", "u"] { try await engine.createDatabase(name, properties: []) }
    for name in ["a", "t.a"] { _ = try await engine.createCollection(name, schema: Self.schema) }
    for alias in ["x", "u.x"] {
      #expect(await code { try await engine.createAlias(alias, collection: "t.a") } == .invalidArgument)
    }
    try await engine.createAlias("t.x", collection: "t.a")
    try await engine.createAlias("x", collection: "a")
    #expect(await code { _ = try await engine.changeAliases([.swap("x", with: "t.x")]) } == .invalidArgument)
    #expect(try engine.describeAlias("x") == "a")
    #expect(await code { try await engine.renameCollection("t.a", to: "u.a") } == .collectionHasAliases)
    try await engine.renameCollection("t.a", to: "t.b")
    #expect(try engine.describeAlias("t.x") == "t.b")
    try await engine.dropAlias("t.x")
    #expect(await code { try await engine.renameCollection("t.b", to: "v.b") } == .databaseNotFound)
    try await engine.renameCollection("t.b", to: "u.b")
    #expect(engine.hasCollection("u.b") && !engine.hasCollection("t.b"))
    try await engine.dropDatabase("t")
    try await harness.shutDown()
  }

  @Test("databases and their properties survive a restart; properties are bounded")
  func durable() async throws {
    let first = try await EngineHarness()
    try await first.engine.createDatabase(
      "t", properties: [.init(key: "a", value: "1"), .init(key: "b", value: "2")])
    try await first.engine.alterDatabase("t", set: [.init(key: "a", value: "3")], remove: ["b"])
    try await first.engine.alterDatabase("default", set: [.init(key: "c", value: "4")], remove: [])
    let long = [DatabaseInfo.Property(key: "long", value: String(repeating: "x", count: 1 << 17))]
    #expect(
      await code { try await first.engine.alterDatabase("t", set: long, remove: []) } == .invalidArgument)
    #expect(
      await code { try await first.engine.alterDatabase("u", set: [], remove: []) } == .databaseNotFound)
    _ = try await first.engine.createCollection("t.a", schema: Self.schema)
    let before = first.engine.databases()
    try await first.shutDown()
    let second = try await EngineHarness(directory: first.directory)
    #expect(second.engine.databases() == before)
    #expect(try second.engine.describeDatabase("t").properties == [.init(key: "a", value: "3")])
    #expect(try second.engine.listCollections().map(\.name) == ["t.a"])
    try await second.shutDown()
  }

  @Test("a backup brings the databases of its collections along")
  func backup() async throws {
    let source = try await EngineHarness()
    try await source.engine.createDatabase("t", properties: [])
    _ = try await source.engine.createCollection("t.a", schema: Self.schema)
    try await source.engine.createAlias("t.x", collection: "t.a")
    let batch = PointBatch(ids: [.int64(1)], vectors: [1, 2], dimension: 2)
    _ = try await source.engine.write(batch, to: "t.x", mode: .insert)
    let backup = try await source.engine.startBackup()
    let (chunks, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    while let part = try await backup.next() { continuation.yield(part) }
    continuation.finish()
    try await source.shutDown()
    let target = try await EngineHarness()
    _ = try await target.engine.restore(chunks)
    #expect(target.engine.databases().map(\.name) == ["default", "t"])
    #expect(try target.engine.describeAlias("t.x") == "t.a")
    #expect(try target.engine.describeCollection("t.a").count == 1)
    #expect(await code { try await target.engine.dropDatabase("t") } == .databaseNotEmpty)
    try await target.shutDown()
    // Still so after a restart.
    let again = try await EngineHarness(directory: target.directory)
    #expect(again.engine.databases().map(\.name) == ["default", "t"])
    try await again.shutDown()
  }
}
