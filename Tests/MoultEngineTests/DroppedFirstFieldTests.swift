import Foundation
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

/// A model's vectors without a name of their own, replaced by another's and dropped: beside a dictionary.
@Suite("The first vector field, dropped")
struct DroppedFirstFieldTests {
  private static let oldDimension = 24
  private static let new = VectorField(name: "new", dimension: 16, metric: .innerProduct)

  /// Vectors of `new` by id.
  private typealias Model = [Int64: [Float]]

  private func nearest(_ query: [Float], _ model: Model, k: Int) -> [PointID] {
    let scored = model.map { id, vector in
      (id: id, score: zip(query, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
    }
    return scored.sorted { ($0.score, $1.id) > ($1.score, $0.id) }.prefix(k).map { .int64($0.id) }
  }

  /// Upserts points with vectors of both fields, or without one of the first.
  private func upsert(
    _ ids: Range<Int64>, to name: String = "words", _ engine: Engine, _ model: inout Model,
    _ random: inout SeededGenerator, hasFirst: Bool
  ) async throws {
    var vectors: [[Float]?] = []
    for id in ids {
      let vector = random.floats(count: Self.new.dimension)
      vectors.append(vector)
      model[id] = vector
    }
    var batch = PointBatch(
      ids: ids.map { .int64($0) }, vectors: PlaceholderField.vectors(count: ids.count),
      dimension: PlaceholderField.dimension, payloads: ids.map { #"{"n":\#($0)}"# })
    if hasFirst {
      batch.vectors = random.floats(count: ids.count * Self.oldDimension)
      batch.dimension = Self.oldDimension
    }
    batch.fields[Self.new.name] = FieldVectors(vectors, dimension: Self.new.dimension)
    _ = try await engine.write(batch, to: name, mode: .upsert)
  }

  /// A collection whose points have vectors of both fields, with a graph, codes and an earlier generation of the first
  /// one; searches take the new one.
  private func prepare(
    _ harness: EngineHarness, _ model: inout Model, _ random: inout SeededGenerator
  ) async throws {
    let engine = harness.engine
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.oldDimension, metric: .innerProduct))
    _ = try await engine.write(
      PointBatch(
        ids: (0..<500).map { .int64($0) }, vectors: random.floats(count: 500 * Self.oldDimension),
        dimension: Self.oldDimension), to: "words", mode: .upsert)
    for form in [
      EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 48)),
      EncodingSpecification(quantization: .binary),
    ] {
      let job = try await engine.startSwitch(
        "words", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0)))
      let ended = try await harness.finish(job)
      #expect(ended.state == .completed, "\(ended.error ?? "")")
    }
    try await engine.addVectorField(Self.new, to: "words")
    try await upsert(0..<450, engine, &model, &random, hasFirst: true)
    try await upsert(450..<600, engine, &model, &random, hasFirst: true)
    _ = try await engine.delete((20..<60).map { .int64($0) }, from: "words")
    for id in 20..<60 { model[Int64(id)] = nil }
    _ = try await engine.setSearchField("new", of: "words")
    try await harness.settle()
  }

  private func check(
    _ engine: Engine, _ model: Model, _ random: inout SeededGenerator, name: String = "words",
    _ comment: @autoclosure () -> String
  ) async throws {
    let query = random.floats(count: Self.new.dimension)
    for path in [name, FieldName.joined(name, "new")] {
      let found = try await engine.search(
        SearchRequest(
          queries: query, dimension: Self.new.dimension, limit: 10, exact: true, includePayload: true,
          includeVectors: true), in: path)
      #expect(found.hits[0].map(\.id) == nearest(query, model, k: 10), "\(path): \(comment())")
      for hit in found.hits[0] {
        guard case .int64(let id) = hit.id else { continue }
        #expect(hit.vector == model[id] && hit.payload == #"{"n":\#(id)}"#, "\(id): \(comment())")
      }
    }
    let some = Set(model.keys.filter { $0 % 3 == 0 })
    let filtered = try await engine.search(
      SearchRequest(
        queries: query, dimension: Self.new.dimension, limit: 10,
        filter: .ids(Set(some.map { .int64($0) }))), in: name)
    #expect(
      filtered.hits[0].map(\.id) == nearest(query, model.filter { some.contains($0.key) }, k: 10),
      "filtered: \(comment())")

    let ids = model.keys.sorted()
    let page = try await engine.get(
      ids.map { .int64($0) }, from: name, includeVectors: true, includePayload: true)
    #expect(page.points.count == ids.count, "\(comment())")
    for (id, point) in zip(ids, page.points) {
      #expect(
        point == Point(id: .int64(id), payload: #"{"n":\#(id)}"#, fields: ["new": model[id]!]),
        "point \(id): \(comment())")
    }
    let info = try engine.describeCollection(name)
    #expect(info.schema.hasPlaceholder && info.schema.searchField == "new", "\(comment())")
    #expect(info.count == ids.count && info.fields.map(\.count) == [ids.count], "\(comment())")
    #expect(info.previousGeneration == nil, "\(comment())")
    #expect(
      try await engine.count(name, filter: .hasVector(ExactText("vector"))).count == 0, "\(comment())")
    #expect(
      try await engine.count(name, filter: .hasVector(ExactText("new"))).count == ids.count, "\(comment())")
  }

  private func problems(_ directory: TemporaryDirectory) throws -> (problems: [String], orphans: [String]) {
    let opened = try DataDirectory(path: directory.path)
    defer { opened.close() }
    let report = opened.check(deep: true)
    return (report.problems.map { "\($0.path): \($0.message)" }, report.orphans)
  }

  /// Bytes of a collection's own files, by what they hold.
  private func sizes(_ harness: EngineHarness, of id: Int64) throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    for file in harness.directory.files() where file.hasPrefix("collections/\(id)/") {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(harness.directory.path)/\(file)")
      let kind = file.split(separator: ".").last.map(String.init) ?? ""
      sizes[kind, default: 0] += (attributes[.size] as? NSNumber)?.intValue ?? 0
    }
    return sizes
  }

  @Test(
    "points are written, read, searched, copied and restored without it, and its files are gone",
    arguments: [1, 2, 3] as [UInt64])
  func life(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    var model = Model()
    try await prepare(harness, &model, &random)
    let id = try harness.engine.describeCollection("words").id
    let before = try sizes(harness, of: id)
    #expect(before["codes"] ?? 0 > 0 && before["encoder"] ?? 0 > 0, "\(before)")

    try await harness.engine.dropVectorField("vector", from: "words")
    try await check(harness.engine, model, &random, "just dropped")
    // No merge is at work beside.
    try await harness.settle()
    let after = try sizes(harness, of: id)
    #expect(Set(after.keys).isSubset(of: ["vectors", "rows"]), "\(after)")
    #expect(after["vectors"] ?? 0 < before["vectors"] ?? 0, "\(before), \(after)")
    #expect(try harness.engine.describeCollection("words").id == id)
    try await check(harness.engine, model, &random, "dropped")

    try await upsert(400..<700, harness.engine, &model, &random, hasFirst: false)
    _ = try await harness.engine.delete((600..<620).map { .int64($0) }, from: "words")
    for id in 600..<620 { model[Int64(id)] = nil }
    try await check(harness.engine, model, &random, "written")
    // An edit that says nothing of vectors keeps them.
    _ = try await harness.engine.edit(.ids([.int64(0), .int64(699)]), in: "words") { page in
      page.batch(page.points.compactMap(\.stored))
    }
    try await check(harness.engine, model, &random, "edited")
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    try await check(harness.engine, model, &random, "opened again")
    try await harness.settle()
    try await check(harness.engine, model, &random, "settled")

    let job = try await harness.engine.startReindex(
      ReindexRequest(
        source: "words", target: "copy", specification: EncodingSpecification(index: .automatic)))
    let ended = try await harness.finish(job)
    #expect(ended.state == .completed, "\(ended.error ?? "")")
    try await check(harness.engine, model, &random, name: "copy", "the copy")

    var pieces: [[UInt8]] = []
    do {
      let backup = try await harness.engine.startBackup(of: ["words"])
      while let piece = try await backup.next() { pieces.append(piece) }
    }
    let stream = AsyncStream<[UInt8]> { [pieces] stream in
      for piece in pieces { stream.yield(piece) }
      stream.finish()
    }
    _ = try await harness.engine.restore(stream, RestoreRequest(only: "words", name: "restored"))
    try await check(harness.engine, model, &random, name: "restored", "restored")
    var again = model
    try await upsert(650..<750, to: "restored", harness.engine, &again, &random, hasFirst: false)
    try await check(harness.engine, again, &random, name: "restored", "written after it")

    // The other field is one as any other.
    let switched = try await harness.engine.startSwitch(
      "words:new",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(switched).state == .completed)
    try await check(harness.engine, model, &random, "switched")
    try await harness.settle()
    try await harness.shutDown()
    let found = try problems(directory)
    #expect(found.problems.isEmpty, "\(found.problems)")
    #expect(found.orphans.isEmpty, "\(found.orphans)")
  }

  @Test("who has begun on the collection as it was goes on with it, and reads what came later")
  func readers() async throws {
    var random = SeededGenerator(seed: 4)
    let harness = try await EngineHarness(segmentRowsMax: 128)
    let engine = harness.engine
    var model = Model()
    try await prepare(harness, &model, &random)
    let old = try engine.aliases.resolve("words")
    let request = SearchRequest(
      queries: random.floats(count: Self.oldDimension), dimension: Self.oldDimension, limit: 10, exact: true,
      includeVectors: true)
    let before = try await engine.search(request, in: old)
    try await engine.dropVectorField("vector", from: "words")
    let after = try await engine.search(request, in: old)
    #expect(after.hits == before.hits && after.hits[0].count == 10)

    try await upsert(1_000..<1_010, engine, &model, &random, hasFirst: false)
    let page = try await engine.read(old, includeVectors: true) { db in
      let rows = try old.points.rows(ids: [.int64(1_003)], in: db)
      return try Array(old.points.points(rows: rows.values, payloads: true, in: db).values)
    }
    #expect(page.points.map(\.fields) == [["new": model[1_003]!]])
    try await check(engine, model, &random, "after all")
    try await harness.shutDown()
  }

  @Test("it stays until another is the default and proven, and while a job is at work")
  func refusals() async throws {
    var random = SeededGenerator(seed: 5)
    let harness = try await EngineHarness()
    let engine = harness.engine
    var model = Model()
    func code(_ body: () async throws -> Void) async -> MoultError.Code? {
      do {
        try await body()
        return nil
      } catch { return (error as? MoultError)?.code }
    }
    try await prepare(harness, &model, &random)
    func drop(force: Bool = false) async -> MoultError.Code? {
      await code {
        try await engine.dropVectorField("vector", from: "words", needsProof: true, force: force)
      }
    }
    _ = try await engine.setSearchField("vector", of: "words")
    #expect(await drop(force: true) == .invalidArgument)
    _ = try await engine.setSearchField("new", of: "words")
    #expect(await drop() == .notProven)
    let job = try await engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0),
        swapAt: JobInfo.untilReleased))
    #expect(await drop(force: true) == .switchInProgress)
    _ = try await engine.cancelJob(job.id)
    #expect(try await harness.finish(job).state == .cancelled)
    try await harness.settle()
    let verdict = try await engine.compare(
      ComparisonRequest(
        a: "words:vector", b: "words:new",
        queries: .vectors(
          a: random.floats(count: Self.oldDimension), b: random.floats(count: Self.new.dimension)), k: 5,
        minimumOverlap: 0)
    ).verdict
    #expect(verdict?.passed == true)
    #expect(await drop() == nil)
    try await check(engine, model, &random, "dropped")

    // What takes its place is nothing to be named.
    for field in ["_none", "vector"] {
      #expect(
        await code { try await engine.dropVectorField(field, from: "words") } == .collectionNotFound,
        "\(field)"
      )
    }
    // None may be the default, as of a collection that was made without.
    #expect(try await engine.setSearchField("_none", of: "words").schema.searchField == nil)
    #expect(try await engine.setSearchField("new", of: "words").schema.searchField == "new")
    #expect(
      await code { try await engine.addVectorField(VectorField(name: "_none", dimension: 4), to: "words") }
        == .invalidArgument)
    #expect(await code { try await engine.dropVectorField("new", from: "words") } == .invalidArgument)
    let form = EncodingSpecification(quantization: .int8)
    #expect(
      await code { _ = try await engine.startSwitch("words", SwitchRequest(specification: form)) }
        == .invalidArgument)
    #expect(
      await code {
        _ = try await engine.startReindex(
          ReindexRequest(source: "words", target: "copy", specification: form))
      } == .invalidArgument)
    #expect(await code { _ = try await engine.rollback("words") } == .nothingToRollBack)
    // Its name is free again, as that of a field beside.
    try await engine.addVectorField(VectorField(name: "vector", dimension: 4), to: "words")
    try await engine.dropVectorField("vector", from: "words", needsProof: true)
    try await check(engine, model, &random, "after the refusals")
    try await harness.shutDown()
  }

  @Test("what is killed before the commit leaves the field as it was, and files that the next start sweeps")
  func killedBeforeCommit() async throws {
    struct Killed: Error {}
    var random = SeededGenerator(seed: 6)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    var model = Model()
    try await prepare(harness, &model, &random)
    let request = SearchRequest(
      queries: random.floats(count: Self.oldDimension), dimension: Self.oldDimension, limit: 10, exact: true,
      includeVectors: true)
    let before = try await harness.engine.search(request, in: "words:vector")
    let collection = try harness.engine.aliases.resolve("words")
    let drop = FirstFieldDrop(directory: harness.engine.resources.directory, collection: collection)
    var checks = 0
    #expect(throws: (any Error).self) {
      _ = try drop.run(requestedBy: nil) { _ in
        checks += 1
        if checks == 2 { throw Killed() }
      }
    }
    #expect(checks == 2)
    try await harness.shutDown()
    #expect(try !problems(directory).orphans.isEmpty)
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    #expect(try await harness.engine.search(request, in: "words:vector").hits == before.hits)
    #expect(try !harness.engine.describeCollection("words").schema.hasPlaceholder)
    try await harness.settle()
    try await harness.engine.dropVectorField("vector", from: "words")
    try await check(harness.engine, model, &random, "dropped at last")
    try await harness.shutDown()
    let found = try problems(directory)
    #expect(found.problems.isEmpty && found.orphans.isEmpty, "\(found)")
  }
}
