import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// Sparse vectors that the server makes of texts. The law: a point has the vector of the text that it holds now, or none.
@Suite("Sparse vectors of texts")
struct TextVectorTests {
  private static let dimension = 8
  private static let words = "river stone cloud bird tree fire night wolf snow wind leaf root moon star"
    .split(
      separator: " ")

  private static func text(_ random: inout SeededGenerator) -> String {
    (0..<Int.random(in: 1...12, using: &random)).map { _ in words.randomElement(using: &random)! }
      .joined(separator: " ")
  }

  private static func payload(_ text: String, _ number: Int) -> String {
    #"{"text":"\#(text)","n":\#(number)}"#
  }

  private func write(_ points: [Int64: String], to name: String, _ engine: Engine) async throws {
    let ids = points.keys.sorted()
    _ = try await engine.write(
      PointBatch(
        ids: ids.map { .int64($0) }, vectors: ids.flatMap(Self.vector), dimension: Self.dimension,
        payloads: ids.map { points[$0]! }), to: name, mode: .upsert)
  }

  private static func vector(_ id: Int64) -> [Float] {
    var random = SeededGenerator(seed: UInt64(bitPattern: id))
    return random.unitVector(dimension: dimension)
  }

  private func fill(_ engine: Engine, count: Int, _ random: inout SeededGenerator) async throws -> [Int64:
    String]
  {
    _ = try await engine.createCollection("c", schema: CollectionSchema(dimension: Self.dimension))
    var model: [Int64: String] = [:]
    for first in stride(from: 0, to: count, by: 2_000) {
      var page: [Int64: String] = [:]
      for id in first..<min(count, first + 2_000) { page[Int64(id)] = Self.payload(Self.text(&random), id) }
      try await write(page, to: "c", engine)
      model.merge(page) { $1 }
    }
    return model
  }

  private func request(_ source: String = "c") -> ReembedRequest {
    ReembedRequest(
      source: source, target: nil, field: "words", embedder: "", bm25: TextVector.Weights(), text: "{text}")
  }

  /// What is stored of one text, under the member of the first vector that was made.
  private static func stored(_ payload: String, member: String = "$sparse:t0") throws -> String {
    let json = try JSONSerialization.jsonObject(with: Data(payload.utf8)) as? [String: Any] ?? [:]
    guard let text = json["text"] as? String, !text.allSatisfy(\.isWhitespace) else { return payload }
    let sparse = Engine.sparseVector(of: text, TextWeighting(), isAsked: false)
    var data = Data()
    for (index, value) in zip(sparse.indices, sparse.values) {
      for word in [index, value.bitPattern] {
        withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return payload.dropLast() + #","\#(member)":"\#(data.base64EncodedString())"}"#
  }

  private func expectLaw(
    _ engine: Engine, _ model: [Int64: String], of name: String = "c", member: String = "$sparse:t0",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let page = try await engine.scan(
      name, after: nil, limit: 100_000, includeVectors: true, includePayload: true)
    #expect(page.points.count == model.count, sourceLocation: sourceLocation)
    for point in page.points {
      guard case .int64(let id) = point.id, let payload = model[id] else {
        Issue.record("point \(point.id) should not be there", sourceLocation: sourceLocation)
        continue
      }
      let expected = try Self.stored(payload, member: member)
      #expect(point.payload == expected, "point \(id)", sourceLocation: sourceLocation)
      #expect(point.vector == Self.vector(id), "point \(id)", sourceLocation: sourceLocation)
    }
  }

  @Test("what is there is filled in its place, and no index or row is made anew")
  func fillsInPlace() async throws {
    var random = SeededGenerator(seed: 1)
    let harness = try await EngineHarness(segmentRowsMax: 1_000)
    let engine = harness.engine
    var model = try await fill(engine, count: 2_600, &random)
    model[7] = #"{"text":7,"n":1}"#
    model[8] = #"{"text":" ","n":1}"#
    model[9] = #"{}"#
    try await write([7: model[7]!, 8: model[8]!, 9: model[9]!], to: "c", engine)
    try await harness.settle()
    let (before, row) = (try engine.jobs(limit: 100).count, try engine.aliases.resolve("c").nextRow)
    // Asked before, so that what was known of payloads is stale.
    let filter = PointFilter.field(FieldPath(["$sparse:t0"]), .exists)
    func filtered() async throws -> Int {
      let request = SearchRequest(
        queries: Self.vector(1), dimension: Self.dimension, limit: 3_000, filter: filter)
      return try await engine.search(request, in: "c").hits[0].count
    }
    #expect(try await filtered() == 0)
    #expect(try await search(engine, "river").isEmpty)
    let job = try await harness.finish(try await engine.startReembed(request()))
    #expect(job.state == .completed && job.kind == "bm25" && job.subject == "c", "\(job)")
    try await expectLaw(engine, model)
    #expect(try engine.jobs(limit: 100).count == before + 1)
    #expect(try engine.aliases.resolve("c").nextRow == row)
    #expect(try await filtered() == model.count - 3)
    #expect(try await !search(engine, "river").isEmpty)
    #expect(try engine.describeCollection("c").schema.textVectors?.vectors.map(\.isFilled) == [true])
    try await harness.shutDown()
  }

  private func search(_ engine: Engine, _ text: String) async throws -> [SearchHit] {
    let asked = Engine.sparseVector(of: text, TextWeighting(), isAsked: true)
    return try await engine.search(
      PayloadSearch(
        field: "$sparse:t0", scoring: .weightedSparse,
        queries: [.sparse(indices: asked.indices, values: asked.values)], limit: 5_000), in: "c"
    ).hits[0]
  }

  /// Writes, edits and deletes some points.
  private func change(
    _ engine: Engine, _ model: inout [Int64: String], _ random: inout SeededGenerator
  ) async throws {
    var page: [Int64: String] = [:]
    for _ in 0..<20 {
      let id = Int64.random(in: 0..<Int64(model.count + 100), using: &random)
      page[id] = Self.payload(Self.text(&random), Int(id) + 1_000_000)
    }
    try await write(page, to: "c", engine)
    model.merge(page) { $1 }
    for id in model.keys.sorted().shuffled(using: &random).prefix(5) {
      let payload = Self.payload(Self.text(&random), -Int(id))
      // As protocols edit: what is hidden stays, in front.
      _ = try await engine.edit(.ids([.int64(id)]), in: "c") { page in
        var point = page.points[0].stored!
        let old = point.payload ?? ""
        let hidden = old.range(of: #""$sparse:t0":""#).map { range in
          old[range.lowerBound...].prefix { $0 != "}" }
        }
        point.payload = hidden.map { "{\($0)," + payload.dropFirst() } ?? payload
        return page.batch([point])
      }
      model[id] = payload
    }
    let gone = model.keys.sorted().shuffled(using: &random).prefix(5)
    _ = try await engine.delete(gone.map { .int64($0) }, from: "c")
    for id in gone { model[id] = nil }
  }

  @Test(
    "the law holds under writes, edits and deletes meanwhile, paused, over a restart, and cancelled and begun again"
  )
  func followsWrites() async throws {
    var random = SeededGenerator(seed: 2)
    let directory = TemporaryDirectory()
    // Two seconds for all of them.
    var harness = try await EngineHarness(
      directory: directory, jobLimits: JobLimits(rowsPerSecond: 3_000))
    var model = try await fill(harness.engine, count: 6_000, &random)
    var job = try await harness.engine.startReembed(request())
    while job.progress.rowsDone == 0, !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    try await change(harness.engine, &model, &random)
    job = try await harness.engine.pauseJob(job.id)
    while job.state == .running {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    try await change(harness.engine, &model, &random)
    try await harness.shutDown()

    harness = try await EngineHarness(directory: directory)
    #expect(try harness.engine.job(job.id).state == .paused)
    #expect(try harness.engine.describeCollection("c").schema.textVectors?["words"]?.isFilled == false)
    try await change(harness.engine, &model, &random)
    #expect(try await harness.engine.cancelJob(job.id).state == .cancelled)
    #expect(try harness.engine.fillsUnderWay(of: "c").count == 1)
    job = try await harness.engine.startReembed(request())
    for _ in 0..<20 { try await change(harness.engine, &model, &random) }
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    try await change(harness.engine, &model, &random)
    try await expectLaw(harness.engine, model)
    #expect(try harness.engine.fillsUnderWay(of: "c").isEmpty)
    try await harness.shutDown()
  }

  @Test("a copy takes them along and follows its own writes; dropped, they are told no more and made no more")
  func copiedAndDropped() async throws {
    var random = SeededGenerator(seed: 3)
    let harness = try await EngineHarness()
    let engine = harness.engine
    var model = try await fill(engine, count: 600, &random)
    #expect(try await harness.finish(try await engine.startReembed(request())).state == .completed)
    let copy = try await harness.finish(
      try await engine.startReindex(
        ReindexRequest(source: "c", target: "d", specification: EncodingSpecification())))
    #expect(copy.state == .completed, "\(copy)")
    try await expectLaw(engine, model, of: "d")
    #expect(try engine.describeCollection("d").schema.textVectors?["words"]?.isFilled == true)
    let new = Self.payload("river and stone", 1)
    try await write([5_000: new], to: "d", engine)
    model[5_000] = new
    try await expectLaw(engine, model, of: "d")

    try await engine.dropVectorField("words", from: "d")
    #expect(try engine.describeCollection("d").schema.textVectors?.vectors == [])
    try await write([1: Self.payload("snow", 1)], to: "d", engine)
    let read = try await engine.get([.int64(1)], from: "d", includeVectors: false, includePayload: true)
    #expect(read.points[0].payload == Self.payload("snow", 1))
    model[1] = Self.payload("snow", 1)
    // Another one of the name has a member of its own, and what was left is gone.
    #expect(try await harness.finish(try await engine.startReembed(request("d"))).state == .completed)
    try await expectLaw(engine, model, of: "d", member: "$sparse:t1")
    try await harness.shutDown()
  }

  @Test("what cannot be is refused, and nothing is changed")
  func refused() async throws {
    var random = SeededGenerator(seed: 4)
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await fill(engine, count: 50, &random)
    try await engine.addVectorField(VectorField(name: "dense", dimension: 2), to: "c")
    engine.knowVectorNames { _ in ["taken"] }
    #expect(try await harness.finish(try await engine.startReembed(request())).state == .completed)
    let schema = try engine.describeCollection("c").schema
    for (change, code) in [
      ({ $0.field = "dense" }, .collectionExists), ({ $0.field = "taken" }, .collectionExists),
      ({ $0.text = "{text} {text}" }, .collectionExists), ({ $0.bm25?.b = 0.5 }, .collectionExists),
      ({ $0.field = "" }, .invalidArgument), ({ $0.field = nil }, .invalidArgument),
      (
        {
          $0.field = "other"
          $0.text = "{nothing}"
        }, .invalidArgument
      ),
      (
        {
          $0.field = "other"
          $0.text = "text"
        }, .invalidArgument
      ), ({ $0.text = nil }, .invalidArgument),
      (
        {
          $0.field = "other"
          $0.bm25?.averageLength = 0
        }, .invalidArgument
      ),
      (
        {
          $0.field = "other"
          $0.bm25?.k = .nan
        }, .invalidArgument
      ),
      (
        {
          $0.field = "other"
          $0.embedder = "model"
        }, .invalidArgument
      ),
      ({ $0.target = "d" }, .invalidArgument), ({ $0.source = "c:dense" }, .invalidArgument),
      ({ $0.source = "none" }, .collectionNotFound),
    ] as [((inout ReembedRequest) -> Void, MoultError.Code)] {
      var wrong = request()
      change(&wrong)
      let asked = wrong
      let error = await #expect(throws: MoultError.self) { _ = try await engine.startReembed(asked) }
      #expect(error?.code == code, "\(asked): \(error?.description ?? "")")
    }
    await #expect {
      try await engine.addVectorField(VectorField(name: "words", dimension: 2), to: "c")
    } throws: { ($0 as? MoultError)?.code == .collectionExists }
    #expect(try engine.describeCollection("c").schema == schema)
    try await harness.shutDown()
  }

  @Test("searches that name no field take the default, from one to the next and back, over a restart too")
  func defaultField() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory)
    _ = try await harness.engine.createCollection(
      "c", schema: CollectionSchema(dimension: Self.dimension),
      fields: [VectorField(name: "other", dimension: 2, metric: .innerProduct)])
    try await harness.engine.createAlias("live", collection: "c")
    _ = try await harness.engine.write(
      PointBatch(
        ids: [.int64(1), .int64(2)], vectors: Self.vector(1) + Self.vector(2), dimension: Self.dimension,
        fields: ["other": FieldVectors([[0, 1], [1, 0]], dimension: 2)]), to: "c", mode: .upsert)
    func nearest(_ query: [Float], in name: String, _ engine: Engine) async throws -> PointID {
      try await engine.search(SearchRequest(queries: query, dimension: query.count, limit: 1), in: name).hits[
        0][0].id
    }
    for round in 0..<2 {
      let engine = harness.engine
      #expect(try await nearest(Self.vector(2), in: "c", engine) == .int64(2))
      let info = try await engine.setSearchField("other", of: "live")
      #expect(info.searchDimension == 2 && info.schema.searchField == "other")
      for name in ["c", "live", "c:other", "live:other"] {
        #expect(try await nearest([0, 1], in: name, engine) == .int64(1), "\(name)")
      }
      #expect(try await nearest(Self.vector(2), in: "c:vector", engine) == .int64(2))
      await #expect {
        _ = try await nearest(Self.vector(2), in: "c", engine)
      } throws: { ($0 as? MoultError)?.code == .dimensionMismatch }
      await #expect {
        try await engine.dropVectorField("other", from: "c")
      } throws: { ($0 as? MoultError)?.code == .invalidArgument }
      if round == 0 {
        try await harness.shutDown()
        harness = try await EngineHarness(directory: directory)
        #expect(try await nearest([0, 1], in: "c", harness.engine) == .int64(1))
      }
      #expect(try await harness.engine.setSearchField("vector", of: "c").schema.searchField == nil)
    }
    await #expect {
      _ = try await harness.engine.setSearchField("none", of: "c")
    } throws: { ($0 as? MoultError)?.code == .collectionNotFound }
    try await harness.shutDown()
  }
}
