import Foundation
import Logging
import MoultModel
import MoultStorage
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// Several vector fields of the same points: each beside a dictionary that does the same.
@Suite("Vector fields beside the first")
struct VectorFieldTests {
  @Test(
    "random writes, deletes, switches of each field, rollbacks and restarts",
    arguments: [1, 2, 3] as [UInt64])
  func randomOperations(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    try await create(harness.engine)
    var model = Model()
    var trace: [String] = []
    let forms: [EncodingSpecification] = [
      EncodingSpecification(quantization: .int8), EncodingSpecification(quantization: .binary),
      EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 48)),
      EncodingSpecification(index: .ivf(lists: nil)),
    ]
    for step in 0..<24 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        let ids = Set(
          (0..<Int.random(in: 1...250, using: &random)).map { _ in
            Int64.random(in: 0...900, using: &random)
          }
        ).sorted()
        try await upsert(ids, to: "words", harness.engine, &model, &random)
        trace.append("upsert \(ids.count)")
      case 5..<7:
        let ids = (0..<200).map { _ in Int64.random(in: 0...900, using: &random) }
        let deleted = try await harness.engine.delete(ids.map { .int64($0) }, from: "words")
        for case .int64(let id) in deleted.ids { model.points[id] = nil }
        trace.append("delete \(deleted.ids.count)")
      case 7..<9:
        guard model.points.count > 200 else { continue }
        let name = ["words", "words:title", "words:image"].randomElement(using: &random)!
        let job = try await harness.engine.startSwitch(
          name,
          SwitchRequest(
            specification: forms.randomElement(using: &random)!, gate: RecallGateRequest(minimumRecall: 0)))
        let ended = try await harness.finish(job)
        #expect(ended.state == .completed, "seed \(seed), \(trace): \(ended.error ?? "")")
        trace.append("switch \(name)")
        if Bool.random(using: &random) {
          _ = try await harness.engine.rollback(name)
          trace.append("rollback \(name)")
        }
      default:
        try await harness.shutDown()
        harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
        trace.append("restart")
      }
      try await check(harness.engine, "words", model, &random, "seed \(seed), step \(step), \(trace)")
    }
    try await harness.settle()
    try await check(harness.engine, "words", model, &random, "settled")
    try await harness.shutDown()
    let found = try problems(directory)
    #expect(found.isEmpty, "\(found)")
  }

  @Test("a field that is added later has no vectors of the points before, and takes those of the next")
  func addedLater() async throws {
    var random = SeededGenerator(seed: 7)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 64)
    let engine = harness.engine
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: 24, metric: .innerProduct))
    var model = Model()
    let first = random.floats(count: 100 * 24)
    _ = try await engine.write(
      PointBatch(
        ids: (0..<100).map { .int64($0) }, vectors: first, dimension: 24,
        payloads: (0..<100).map { #"{"n":\#($0)}"# }), to: "words", mode: .insert)
    for id in 0..<100 { model.points[Int64(id)] = ["vector": Array(first[id * 24..<(id + 1) * 24])] }
    for field in Self.fields { try await engine.addVectorField(field, to: "words") }
    try await check(engine, "words", model, &random, "added")
    try await upsert(Array(50..<180), to: "words", engine, &model, &random)
    try await check(engine, "words", model, &random, "written")
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 64)
    try await check(harness.engine, "words", model, &random, "opened again")

    // What is dropped takes its files along, and nothing else.
    try await harness.engine.dropVectorField("image", from: "words")
    #expect(try harness.engine.describeCollection("words").fields.map(\.name) == ["title"])
    #expect(!harness.engine.hasCollection("words:image"))
    for id in model.points.keys { model.points[id]!["image"] = nil }
    let page = try await harness.engine.get(
      [.int64(60)], from: "words", includeVectors: true, includePayload: false)
    #expect(page.points.first?.fields == model.points[60]!.filter { $0.key == "title" })
    try await harness.shutDown()
    let found = try problems(directory)
    #expect(found.isEmpty, "\(found)")
  }

  @Test("a field that was added to points is partial until all have had a vector, in copies and restarts too")
  func partial() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory)
    var engine = harness.engine
    func write(_ ids: Range<Int64>, new: Bool) async throws {
      var batch = PointBatch(
        ids: ids.map { .int64($0) }, vectors: ids.map { Float($0) }, dimension: 1)
      if new { batch.fields["new"] = FieldVectors(vectors: ids.map { Float($0) }, dimension: 1) }
      _ = try await engine.write(batch, to: "words", mode: .upsert)
    }
    /// The counts that a refusal tells.
    func lacking(_ name: String) async throws -> String? {
      let search = SearchRequest(queries: [1], dimension: 1, limit: 1, refusesPartial: true)
      do { _ = try await engine.search(search, in: name) } catch let error as MoultError {
        #expect(error.code == .collectionNotReady && error.message.contains("--allow-partial"))
        return error.message.firstMatch(of: /[0-9]+ of [0-9]+/).map { String($0.output) }
      }
      return nil
    }
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: 1, metric: .squaredEuclidean),
      fields: [VectorField(name: "optional", dimension: 1, metric: .squaredEuclidean)])
    try await engine.addVectorField(
      VectorField(name: "early", dimension: 1, metric: .squaredEuclidean), to: "words")
    try await write(0..<10, new: false)
    try await engine.addVectorField(
      VectorField(name: "new", dimension: 1, metric: .squaredEuclidean), to: "words")
    // Points may go without a vector in a field that was there before them.
    #expect(try await lacking("words:optional") == nil)
    #expect(try await lacking("words:early") == nil)
    #expect(try await lacking("words:new") == "0 of 10")
    // Who does not ask is answered.
    let search = SearchRequest(queries: [1], dimension: 1, limit: 1)
    #expect(try await engine.search(search, in: "words:new").hits == [[]])
    await #expect {
      _ = try await engine.setSearchField("new", of: "words")
    } throws: { ($0 as? MoultError)?.code == .collectionNotReady }

    try await write(0..<6, new: true)
    try await write(10..<12, new: false)
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory)
    engine = harness.engine
    #expect(try await lacking("words:new") == "6 of 12")
    #expect(try engine.fillsUnderWay(of: "words").count == 1)
    let job = try await engine.startReindex(
      ReindexRequest(source: "words", target: "copy", specification: EncodingSpecification()))
    #expect(try await harness.finish(job).state == .completed)
    #expect(try await lacking("copy:new") == "6 of 12")
    #expect(try await lacking("copy:optional") == nil)
    var pieces: [[UInt8]] = []
    do {
      let backup = try await engine.startBackup(of: ["words"])
      while let piece = try await backup.next() { pieces.append(piece) }
    }
    let stream = AsyncStream<[UInt8]> { [pieces] stream in
      for piece in pieces { stream.yield(piece) }
      stream.finish()
    }
    _ = try await engine.restore(stream, RestoreRequest(only: "words", name: "restored"))
    #expect(try await lacking("restored:new") == "6 of 12")
    #expect(try await lacking("restored:early") == nil)

    // Filled once, it is a field as any other: what is written without is meant so.
    _ = try await engine.delete([.int64(11)], from: "words")
    try await write(6..<11, new: true)
    #expect(try await lacking("words:new") == nil)
    try await write(20..<25, new: false)
    #expect(try await lacking("words:new") == nil)
    #expect(try await engine.setSearchField("new", of: "words").schema.searchField == "new")
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory)
    engine = harness.engine
    #expect(try await lacking("words:new") == nil)
    #expect(try await lacking("copy:new") == "6 of 12")
    #expect(try engine.describeCollection("words:new").schema.isPartial == nil)
    try await harness.shutDown()
  }

  @Test("whoever counts while others write finds as many vectors in a full field as points")
  func countsBelongTogether() async throws {
    var random = SeededGenerator(seed: 12)
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await create(engine)
    var model = Model()
    try await upsert([0], to: "words", engine, &model, &random, absentShare: 0)
    let batches = (1...300).map { id in
      var batch = PointBatch(ids: [.int64(Int64(id))], vectors: random.floats(count: 24), dimension: 24)
      for field in Self.fields {
        batch.fields[field.name] = FieldVectors(
          [random.floats(count: field.dimension)], dimension: field.dimension)
      }
      return batch
    }
    let isDone = Mutex(false)
    let counted = Task {
      var seen = Set<Int>()
      while true {
        let isLast = isDone.withLock { $0 }
        let info = try engine.describeCollection("words")
        for field in info.fields { #expect(field.count == info.count) }
        seen.insert(info.count)
        if isLast { return seen }
        await Task.yield()
      }
    }
    for (index, batch) in batches.enumerated() {
      _ = try await engine.write(batch, to: "words", mode: .upsert)
      if index % 3 == 2 { _ = try await engine.delete([.int64(Int64(index))], from: "words") }
    }
    isDone.withLock { $0 = true }
    let seen = try await counted.value
    #expect(seen.count > 2 && seen.contains(201))
    try await harness.shutDown()
  }

  @Test("aliases reach fields; a rename and a drop take them along")
  func names() async throws {
    var random = SeededGenerator(seed: 8)
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await create(engine)
    var model = Model()
    try await upsert(Array(0..<50), to: "words", engine, &model, &random, absentShare: 0)
    try await engine.createAlias("live", collection: "words")
    let query = random.floats(count: 16)
    let request = SearchRequest(queries: query, dimension: 16, limit: 5, exact: true)
    let wanted = model.nearest(query, field: "title", k: 5).map { PointID.int64($0) }
    #expect(try await engine.search(request, in: "live:title").hits[0].map(\.id) == wanted)
    let own = SearchRequest(queries: random.floats(count: 24), dimension: 24, limit: 5, exact: true)
    let (byField, byName) = (
      try await engine.search(own, in: "words:vector"), try await engine.search(own, in: "words")
    )
    #expect(byField.hits == byName.hits)

    try await engine.renameCollection("words", to: "terms")
    #expect(try await engine.search(request, in: "live:title").hits[0].map(\.id) == wanted)
    #expect(try await engine.search(request, in: "terms:title").hits[0].map(\.id) == wanted)
    #expect(!engine.hasCollection("words:title"))
    #expect(try engine.listCollections().map(\.name) == ["terms"])

    try await engine.dropAlias("live")
    try await engine.dropCollection("terms")
    #expect(try engine.listCollections().isEmpty)
    #expect(!engine.hasCollection("terms:title"))
    try await create(engine, "terms")
    #expect(try engine.describeCollection("terms:title").count == 0)
    try await harness.shutDown()
  }

  @Test("a batch that was looked at before its fields changed is refused when its turn comes")
  func changedMeanwhile() async throws {
    var random = SeededGenerator(seed: 14)
    let harness = try await EngineHarness()
    try await create(harness.engine)
    var model = Model()
    try await upsert(Array(0..<10), to: "words", harness.engine, &model, &random)
    let collection = try harness.engine.aliases.resolve("words")
    for (name, dimension) in [("title", 8), ("title", 32), ("gone", 16)] {
      let batch = PointBatch(
        ids: [.int64(3)], vectors: random.floats(count: 24), dimension: 24,
        fields: [name: FieldVectors([nil], dimension: dimension)])
      _ = try await collection.holdingWriters {
        #expect(throws: MoultError.self) {
          _ = try harness.engine.resources.writer(of: collection).write(batch, mode: .upsert)
        }
      }
    }
    try await check(harness.engine, "words", model, &random, "after the refusals")
    try await harness.shutDown()
  }

  @Test("a damaged field loses its vectors of some rows at most; points and other fields stay")
  func repair() async throws {
    var random = SeededGenerator(seed: 12)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    try await create(harness.engine)
    var model = Model()
    try await upsert(Array(0..<300), to: "words", harness.engine, &model, &random)
    try await harness.shutDown()
    let field = try {
      let opened = try DataDirectory(path: directory.path)
      defer { opened.close() }
      let record = try opened.read { try opened.catalog.collection(named: "words:image", in: $0) }
      let segments = try opened.read { try opened.catalog.segments(of: record!.id, in: $0) }
      return opened.absolutePath(segments.first { $0.state == .sealed }!.file)
    }()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: field))
    // Among the rows, which lie behind header and side bytes.
    bytes[bytes.count - 200] ^= 16
    try bytes.write(to: URL(fileURLWithPath: field))

    var logger = Logger(label: "repair")
    logger.logLevel = .critical
    let report = try await Repair(
      EngineConfiguration(dataDirectory: directory.path, computeThreads: 1, segmentRowsMax: 128),
      acceptsLoss: true, logger: logger
    ).run()
    let lost = Set(report.lost.flatMap(\.ids).compactMap { Int64($0) })
    #expect(!lost.isEmpty && report.remaining == [], "\(report)")
    for id in lost { model.points[id]?["image"] = nil }
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    try await check(harness.engine, "words", model, &random, "after the repair of \(lost.count) rows")
    try await harness.shutDown()
    let found = try problems(directory)
    #expect(found.isEmpty, "\(found)")
  }

  @Test("what does not fit is refused, and nothing is written")
  func refusals() async throws {
    var random = SeededGenerator(seed: 10)
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await create(engine)
    func code(_ body: () async throws -> Void) async -> MoultError.Code? {
      do {
        try await body()
        return nil
      } catch { return (error as? MoultError)?.code }
    }
    func write(_ fields: [String: FieldVectors]) async -> MoultError.Code? {
      let vectors = random.floats(count: 48)
      return await code {
        _ = try await engine.write(
          PointBatch(ids: [.int64(1), .int64(2)], vectors: vectors, dimension: 24, fields: fields),
          to: "words",
          mode: .upsert)
      }
    }
    let good = FieldVectors(vectors: random.floats(count: 32), dimension: 16)
    var nan = good
    nan.vectors[17] = .nan
    #expect(await write(["other": good]) == .invalidArgument)
    #expect(await write(["image": good]) == .dimensionMismatch)
    #expect(
      await write(["title": FieldVectors(vectors: good.vectors, dimension: 16, absent: [1, 0])])
        == .invalidArgument)
    #expect(
      await write(["title": FieldVectors(vectors: good.vectors, dimension: 16, absent: [2])])
        == .invalidArgument)
    #expect(await write(["title": nan]) == .invalidVector)
    #expect(try engine.describeCollection("words").count == 0)
    // Where a point has none, what stands there is not looked at.
    nan.absent = [1]
    #expect(await write(["title": nan]) == nil)
    #expect(await code { _ = try await engine.delete([.int64(1)], from: "words:title") } == .invalidArgument)
    #expect(await code { try await engine.createAlias("a", collection: "words:title") } == .invalidArgument)
    #expect(await code { try await engine.dropCollection("words:title") } == .invalidArgument)
    #expect(await code { try await engine.dropVectorField("vector", from: "words") } == .invalidArgument)
    #expect(await code { try await engine.dropVectorField("nothing", from: "words") } == .collectionNotFound)
    #expect(await code { try await engine.addVectorField(Self.fields[0], to: "words") } == .collectionExists)
    #expect(
      await code { try await engine.addVectorField(VectorField(name: "a:b", dimension: 4), to: "words") }
        == .invalidArgument)
    #expect(
      await code {
        _ = try await engine.createCollection(
          "twice", schema: CollectionSchema(dimension: 4), fields: [VectorField(name: "vector", dimension: 4)]
        )
      } == .invalidArgument)
    #expect(try engine.describeCollection("words").count == 2)
    try await harness.shutDown()
  }

  @Test("a filter on vectors is about the field of that name that there is now")
  func filterAfterDrop() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    var random = SeededGenerator(seed: 5)
    var model = Model()
    try await create(engine)
    try await upsert(Array(0..<60), to: "words", engine, &model, &random)
    func found(_ field: String) async throws -> Int {
      try await engine.search(
        SearchRequest(
          queries: [Float](repeating: 1, count: 24), dimension: 24, limit: 100,
          filter: .hasVector(ExactText(field))), in: "words"
      ).hits[0].count
    }
    #expect(try await found("title") == model.points.values.count { $0["title"] != nil })
    #expect(try await found("vector") == 60)
    #expect(try await found("other") == 0)
    try await engine.dropVectorField("title", from: "words")
    #expect(try await found("title") == 0)
    try await engine.addVectorField(VectorField(name: "title", dimension: 4, metric: .cosine), to: "words")
    #expect(try await found("title") == 0)
    try await harness.shutDown()
  }
}
