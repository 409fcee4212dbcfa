import Foundation
import MoultModel
import MoultStorageTesting
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// Makes batches of points out of nothing: row r has the key r, the vector (r, 1) and the payload {"row":r}.
private struct MadePoints: ImportSource {
  static let batchRows = 100

  var batchCount = 5
  /// Keys come again after so many rows.
  var period = Int64.max
  var givesKeys = true
  /// Told before a batch is handed over, and once more behind the last.
  var before: @Sendable (_ batch: Int) async throws -> Void = { _ in }
  /// Its vectors are of another dimension.
  var brokenBatch: Int?

  func read(
    _ order: Data, for collection: CollectionInfo, from start: Int64, _ sink: Sink
  ) async throws {
    let total = Int64(batchCount * Self.batchRows)
    for batch in 0..<batchCount {
      let rows = Int64(batch * Self.batchRows)..<Int64((batch + 1) * Self.batchRows)
      guard rows.upperBound > start else { continue }
      try await before(batch)
      let dimension = batch == brokenBatch ? 3 : 2
      var points = PointBatch(
        ids: givesKeys ? rows.map { .int64($0 % period) } : [],
        vectors: rows.flatMap { row in [Float(row)] + [Float](repeating: 1, count: dimension - 1) },
        dimension: dimension, payloads: rows.map { #"{"row":\#($0)}"# })
      for field in collection.fields {
        // Odd rows have none there.
        points.fields[field.name] = FieldVectors(
          rows.map { $0 % 2 == 0 ? [Float(-$0), 2] : nil }, dimension: 2)
      }
      try await sink(points, rows.upperBound, total)
    }
    try await before(batchCount)
  }
}

/// Set once.
private final class Flag: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock { $0 } }
  func set() { state.withLock { $0 = true } }
}

@Suite("Imports")
struct ImportTests {
  private static let schema = CollectionSchema(dimension: 2, metric: .squaredEuclidean)

  private static func open(
    _ source: MadePoints, directory: TemporaryDirectory = TemporaryDirectory(),
    schema: CollectionSchema? = nil, importRowsMax: Int = EngineConfiguration.defaultImportRowsMax
  ) async throws -> EngineHarness {
    let harness = try await EngineHarness(
      directory: directory, segmentRowsMax: 160, importRowsMax: importRowsMax)
    harness.engine.readImports(with: source)
    if let schema { _ = try await harness.engine.createCollection("c", schema: schema) }
    return harness
  }

  /// Rows that a filter, a search and the count find: the same number.
  private static func visible(_ engine: Engine) async throws -> Int {
    let counted = try await engine.count("c", filter: .all([])).count
    let found = try await engine.search(
      SearchRequest(queries: [0, 1], dimension: 2, limit: 10_000, exact: true), in: "c"
    ).hits[0]
    #expect(try engine.describeCollection("c").count == found.count)
    #expect(counted == found.count)
    return counted
  }

  private static func stagedFiles(_ harness: EngineHarness) throws -> [String] {
    let path = harness.directory.path + "/imports"
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: path)
  }

  private static func follow(
    _ job: JobInfo, in harness: EngineHarness, until isReached: (JobInfo) -> Bool
  ) async throws -> JobInfo {
    var job = try harness.engine.job(job.id)
    while !isReached(job), !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    return job
  }

  /// Every row at its place, vectors of all fields and payload.
  private static func expectAll(_ engine: Engine, rows: Int64) async throws {
    let ids = (0..<rows).map { PointID.int64($0) }
    let points = try await engine.get(ids, from: "c", includeVectors: true, includePayload: true).points
    #expect(points.map(\.id) == ids)
    #expect(points.compactMap(\.vector) == (0..<rows).map { [Float($0), 1] })
    #expect(points.compactMap(\.payload) == (0..<rows).map { #"{"row":\#($0)}"# })
    guard try !engine.describeCollection("c").fields.isEmpty else { return }
    let others: [[Float]?] = (0..<rows).map { $0 % 2 == 0 ? [Float(-$0), 2] : nil }
    #expect(points.map { $0.fields["other"] } == others)
  }

  // MARK: One moment

  @Test("rows are seen by nobody while they are staged, then all at once, in every field, over a restart")
  func oneMoment() async throws {
    let seen = Mutex<[Int]>([])
    let holder = Mutex<Engine?>(nil)
    let harness = try await Self.open(
      MadePoints(before: { _ in
        guard let engine = holder.withLock({ $0 }) else { return }
        let count = try await Self.visible(engine)
        seen.withLock { $0.append(count) }
      }), schema: Self.schema)
    let engine = harness.engine
    holder.withLock { $0 = engine }
    _ = try await engine.addVectorField(
      VectorField(name: "other", dimension: 2, metric: .squaredEuclidean), to: "c")
    _ = try await engine.write(
      PointBatch(ids: [.int64(9_999)], vectors: [0, 0], dimension: 2), to: "c", mode: .upsert)
    let job = try await engine.startImport(into: "c", order: "{}")
    #expect(try await harness.finish(job).state == .completed)
    // Whoever learns of the end sees the rows.
    #expect(try await Self.visible(engine) == 501)
    #expect(seen.withLock { $0 } == [Int](repeating: 1, count: 6))
    try await Self.expectAll(engine, rows: 500)
    holder.withLock { $0 = nil }
    try await harness.settle()
    try await harness.shutDown()
    #expect(try Self.stagedFiles(harness) == [])
    let again = try await Self.open(MadePoints(), directory: harness.directory)
    #expect(try await Self.visible(again.engine) == 501)
    try await Self.expectAll(again.engine, rows: 500)
    try await again.shutDown()
  }

  @Test("readers beside the commit see none or all: of rows, and of values that are replaced")
  func readers() async throws {
    let harness = try await Self.open(MadePoints(batchCount: 40), schema: Self.schema)
    let engine = harness.engine
    for first in stride(from: Int64(0), to: 4_000, by: 500) {
      _ = try await engine.write(
        PointBatch(
          ids: (first..<first + 500).map { .int64($0) }, vectors: [Float](repeating: -5, count: 1_000),
          dimension: 2, payloads: [String](repeating: #"{"row":-1}"#, count: 500)),
        to: "c", mode: .upsert)
    }
    let isOver = Flag()
    let job = try await engine.startImport(into: "c", order: "{}")
    let states = try await withThrowingTaskGroup(of: Set<Int>.self) { group in
      for reader in 0..<3 {
        group.addTask {
          var seen = Set<Int>()
          var isLast = false
          while true {
            if reader == 0 {
              seen.insert(
                try await engine.count(
                  "c", filter: .field(["row"], .isBetween(lower: .init(0, isInclusive: true), upper: nil))
                ).count)
            } else {
              // Old rows lie all at one place, new ones on a line.
              let hits = try await engine.search(
                SearchRequest(queries: [-5, -5], dimension: 2, limit: 4_000, exact: reader == 1), in: "c"
              ).hits[0]
              #expect(hits.count == 4_000)
              seen.insert(hits.count { $0.score != 0 })
            }
            if isLast { return seen }
            isLast = isOver.isSet
          }
        }
      }
      #expect(try await harness.finish(job).state == .completed)
      isOver.set()
      return try await group.reduce(into: Set<Int>()) { $0.formUnion($1) }
    }
    #expect(states.isSubset(of: [0, 4_000]) && states.contains(4_000), "\(states)")
    try await harness.shutDown()
  }

  @Test("of rows with the same key the last one stays, also where their batches are not the same")
  func sameKeys() async throws {
    let harness = try await Self.open(MadePoints(period: 150), schema: Self.schema)
    let engine = harness.engine
    let job = try await engine.startImport(into: "c", order: "{}")
    #expect(try await harness.finish(job).state == .completed)
    #expect(try await Self.visible(engine) == 150)
    let point = try await engine.get(
      [.int64(49), .int64(50)], from: "c", includeVectors: true, includePayload: true
    ).points
    #expect(point.map(\.payload) == [#"{"row":499}"#, #"{"row":350}"#])
    #expect(point.map(\.vector) == [[499, 1], [350, 1]])
    try await harness.shutDown()
  }

  @Test("keys that the collection gives out follow those that were given while rows were staged")
  func ownKeys() async throws {
    let holder = Mutex<Engine?>(nil)
    let harness = try await Self.open(
      MadePoints(
        givesKeys: false,
        before: { _ in
          guard let engine = holder.withLock({ $0 }) else { return }
          _ = try await engine.write(
            PointBatch(ids: [], vectors: [0, 0], dimension: 2), to: "c", mode: .insert)
        }),
      schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean, automaticKeys: true))
    holder.withLock { $0 = harness.engine }
    let job = try await harness.engine.startImport(into: "c", order: "{}")
    #expect(try await harness.finish(job).state == .completed)
    #expect(try await Self.visible(harness.engine) == 506)
    holder.withLock { $0 = nil }
    let last = try await harness.engine.write(
      PointBatch(ids: [], vectors: [0, 0], dimension: 2), to: "c", mode: .insert
    ).ids
    let all = try await harness.engine.query(
      "c", filter: nil, limit: 10_000, includeVectors: false, includePayload: false
    ).points.map(\.id)
    #expect(Set(all).count == 507 && all.max() == last[0])
    try await harness.shutDown()
  }

  // MARK: Commit and abort

  @Test("an import that waits is seen when it is committed; others go on, a restart changes nothing")
  func commit() async throws {
    let directory = TemporaryDirectory()
    var harness = try await Self.open(MadePoints(), directory: directory, schema: Self.schema)
    let job = try await harness.engine.startImport(into: "c", order: "{}", waits: true)
    #expect(try await Self.follow(job, in: harness) { $0.state == .held }.state == .held)
    #expect(try await Self.visible(harness.engine) == 0)
    #expect(try Self.stagedFiles(harness) == ["\(job.id).staged"])
    // Another import of the collection, and its upkeep.
    let other = try await harness.engine.startImport(into: "c", order: "{}")
    #expect(try await harness.finish(other).state == .completed)
    #expect(try await Self.visible(harness.engine) == 500)
    _ = try await harness.engine.delete(matching: .all([]), from: "c")
    try await harness.shutDown()

    // Its files are gone: what was staged is enough.
    harness = try await Self.open(MadePoints(batchCount: 0), directory: directory)
    #expect(try await Self.follow(job, in: harness) { $0.state == .held }.state == .held)
    #expect(try await Self.visible(harness.engine) == 0)
    _ = try await harness.engine.commitImport(job.id)
    #expect(try await harness.finish(job).state == .completed)
    #expect(try await Self.visible(harness.engine) == 500)
    try await Self.expectAll(harness.engine, rows: 500)
    // Again is harmless.
    #expect(try await harness.engine.commitImport(job.id).state == .completed)
    try await harness.shutDown()
    #expect(try Self.stagedFiles(harness) == [])
  }

  @Test("an import that is aborted leaves nothing, held or under way, and is not committed any more")
  func abort() async throws {
    let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
    let waits = Mutex(true)
    let harness = try await Self.open(
      MadePoints(before: { batch in
        guard batch == 3, waits.withLock({ $0 }) else { return }
        arrival.yield()
        // Until the job is cancelled.
        try await Task.sleep(for: .seconds(3_600))
      }), schema: Self.schema)
    let engine = harness.engine
    let job = try await engine.startImport(into: "c", order: "{}", waits: true)
    for await _ in arrivals { break }
    #expect(try engine.job(job.id).progress.rowsDone > 0)
    await #expect { _ = try await engine.commitImport(job.id) } throws: {
      ($0 as? MoultError)?.code == .jobStateConflict
    }
    _ = try await engine.cancelJob(job.id)
    #expect(try await harness.finish(job).state == .cancelled)
    #expect(try await Self.visible(engine) == 0)
    waits.withLock { $0 = false }
    let held = try await engine.startImport(into: "c", order: "{}", waits: true)
    #expect(try await Self.follow(held, in: harness) { $0.state == .held }.state == .held)
    #expect(try await engine.cancelJob(held.id).state == .cancelled)
    for id in [job.id, held.id] {
      await #expect { _ = try await engine.commitImport(id) } throws: {
        ($0 as? MoultError)?.code == .jobStateConflict
      }
    }
    #expect(try Self.stagedFiles(harness) == [])
    #expect(try await Self.visible(engine) == 0)
    // Asked for again it reads its files anew.
    _ = try await engine.retryJob(held.id)
    #expect(try await Self.follow(held, in: harness) { $0.state == .held }.state == .held)
    _ = try await engine.commitImport(held.id)
    #expect(try await harness.finish(held).state == .completed)
    #expect(try await Self.visible(engine) == 500)
    try await harness.shutDown()
  }

  @Test("an import that fails in its last batch leaves nothing")
  func failure() async throws {
    let harness = try await Self.open(MadePoints(brokenBatch: 4), schema: Self.schema)
    let job = try await harness.engine.startImport(into: "c", order: "{}")
    let ended = try await harness.finish(job)
    #expect(ended.state == .failed && ended.errorCode == "dimensionMismatch", "\(ended)")
    #expect(try await Self.visible(harness.engine) == 0)
    #expect(try Self.stagedFiles(harness) == [])
    harness.engine.readImports(with: MadePoints())
    _ = try await harness.engine.retryJob(job.id)
    #expect(try await harness.finish(harness.engine.job(job.id)).state == .completed)
    #expect(try await Self.visible(harness.engine) == 500)
    try await harness.shutDown()
  }

  @Test("staged points that are damaged are found out; nothing of them is stored")
  func damage() async throws {
    let harness = try await Self.open(MadePoints(), schema: Self.schema)
    let job = try await harness.engine.startImport(into: "c", order: "{}", waits: true)
    #expect(try await Self.follow(job, in: harness) { $0.state == .held }.state == .held)
    let path = harness.directory.path + "/imports/\(job.id).staged"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 100] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    _ = try await harness.engine.commitImport(job.id)
    let ended = try await harness.finish(job)
    #expect(ended.state == .failed && ended.errorCode == "corrupted", "\(ended)")
    #expect(try await Self.visible(harness.engine) == 0)
    // A write goes where the rows would have been.
    _ = try await harness.engine.write(
      PointBatch(ids: [.int64(1)], vectors: [4, 4], dimension: 2), to: "c", mode: .upsert)
    #expect(try await Self.visible(harness.engine) == 1)
    try await harness.shutDown()
  }

  @Test("what one transaction does not take becomes visible in steps; one that waits is refused")
  func steps() async throws {
    let seen = Mutex<[Int]>([])
    let holder = Mutex<Engine?>(nil)
    let harness = try await Self.open(
      MadePoints(
        batchCount: 7,
        before: { _ in
          guard let engine = holder.withLock({ $0 }) else { return }
          let count = try await Self.visible(engine)
          seen.withLock { $0.append(count) }
        }), schema: Self.schema, importRowsMax: 250)
    holder.withLock { $0 = harness.engine }
    let held = try await harness.engine.startImport(into: "c", order: "{}", waits: true)
    let refused = try await harness.finish(held)
    #expect(refused.state == .failed && refused.errorCode == "tooLarge", "\(refused)")
    #expect(try await Self.visible(harness.engine) == 0)
    seen.withLock { $0 = [] }
    let job = try await harness.engine.startImport(into: "c", order: "{}")
    #expect(try await harness.finish(job).state == .completed)
    #expect(seen.withLock { $0 } == [0, 0, 0, 200, 200, 400, 400, 600])
    #expect(try await Self.visible(harness.engine) == 700)
    try await Self.expectAll(harness.engine, rows: 700)
    holder.withLock { $0 = nil }
    try await harness.shutDown()
  }

  // MARK: Crashes

  @Test("a process that dies at any call leaves none of the rows, or all; the import goes on to its end")
  func death() async throws {
    var deaths = 0
    var call = 0
    while true {
      let directory = TemporaryDirectory(inMemory: true)
      let disk = FaultyFileSystem(.death, atCall: call)
      do {
        let harness = try await EngineHarness(path: directory.path, segmentRowsMax: 160, fileSystem: disk)
        harness.engine.readImports(with: MadePoints())
        _ = try await harness.engine.createCollection("c", schema: Self.schema)
        let job = try await harness.engine.startImport(into: "c", order: "{}")
        // What is dead ends nothing: it waits to be tried again.
        let end = try await Self.follow(job, in: harness) { _ in disk.hasFailed }
        if !disk.hasFailed { #expect(end.state == .completed) }
        try await harness.shutDown()
      } catch {
        #expect(disk.hasFailed, "\(error)")
      }
      guard disk.hasFailed else { break }
      deaths += 1
      let harness = try await EngineHarness(path: directory.path, segmentRowsMax: 160)
      harness.engine.readImports(with: MadePoints())
      if (try? harness.engine.describeCollection("c")) != nil {
        let count = try await Self.visible(harness.engine)
        #expect(count == 0 || count == 500, "call \(call): \(count)")
        if let job = try harness.engine.jobs().last(where: { $0.kind == Engine.importKind }) {
          if job.state != .completed { _ = try? await harness.engine.retryJob(job.id) }
          let ended = try await harness.finish(harness.engine.job(job.id))
          #expect(ended.state == .completed, "call \(call): \(ended)")
          #expect(try await Self.visible(harness.engine) == 500, "call \(call)")
          try await Self.expectAll(harness.engine, rows: 500)
        }
      }
      try await harness.shutDown()
      call += Scale.minutes > 0 ? 1 : 3
    }
    #expect(deaths > 8)
  }
}
