import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Bad input changes nothing and says what came")
struct BadInputTests {
  private func batch(
    _ ids: [PointID] = [.int64(1), .int64(2)], vectors: [Float] = [1, 0, 0, 0, 1, 0], dimension: Int = 3,
    payloads: [String] = []
  ) -> PointBatch {
    PointBatch(ids: ids, vectors: vectors, dimension: dimension, payloads: payloads)
  }

  @Test("every kind of bad batch is refused with its code and its place, and nothing is stored")
  func batches() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection("c", schema: CollectionSchema(dimension: 3, metric: .cosine))
    let cases: [(PointBatch, MoultError.Code, String)] = [
      (batch([], vectors: []), .invalidArgument, "empty"),
      (batch(vectors: [1, 0, 0, 1], dimension: 2), .dimensionMismatch, "3-dimensional"),
      (batch([.int64(1)]), .invalidArgument, "1 ids"),
      (batch([.int64(1), .int64(1)]), .duplicateID, "'1'"),
      (batch([.int64(1), .string("x")]), .invalidArgument, "int64"),
      (batch(vectors: [1, 0, 0, 0, .nan, 0]), .invalidVector, "entry 1"),
      (batch(vectors: [1, 0, 0, 0, 1, -.infinity]), .invalidVector, "'2'"),
      (batch(vectors: [1, 0, 0, 0, 0, 0]), .invalidVector, "no direction"),
      (batch(payloads: ["{}"]), .invalidArgument, "1 payloads"),
      (batch(payloads: ["{}", "[1]"]), .invalidArgument, "payload 1"),
      (batch(payloads: ["{", "{}"]), .invalidArgument, "payload 0"),
    ]
    for (batch, code, text) in cases {
      await #expect {
        _ = try await engine.write(batch, to: "c", mode: .upsert)
      } throws: { error in
        guard let error = error as? MoultError else { return false }
        return error.code == code && error.message.contains(text)
      }
    }
    #expect(try engine.describeCollection("c").count == 0)
    _ = try await engine.write(batch(), to: "c", mode: .insert)
    await #expect {
      _ = try await engine.write(batch([.int64(9), .int64(2)]), to: "c", mode: .insert)
    } throws: { ($0 as? MoultError)?.code == .pointExists }
    #expect(try engine.describeCollection("c").count == 2)
    #expect(
      try await engine.get([.int64(9)], from: "c", includeVectors: false, includePayload: true).points.isEmpty
    )
    try await harness.shutDown()
  }

  @Test("searches with wrong numbers are refused")
  func searches() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection("c", schema: CollectionSchema(dimension: 3, metric: .cosine))
    let cases: [(SearchRequest, MoultError.Code)] = [
      (SearchRequest(queries: [1, 2], dimension: 2, limit: 1), .dimensionMismatch),
      (SearchRequest(queries: [], dimension: 3, limit: 1), .dimensionMismatch),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 0), .invalidArgument),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 1, offset: -1), .invalidArgument),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 10, offset: .max), .invalidArgument),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 16_385), .invalidArgument),
      (SearchRequest(queries: [1, .nan, 3], dimension: 3, limit: 1), .invalidVector),
      (SearchRequest(queries: [0, 0, 0], dimension: 3, limit: 1), .invalidVector),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 1, oversampling: .nan), .invalidArgument),
      (SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 1, ef: 0), .invalidArgument),
    ]
    for (request, code) in cases {
      await #expect {
        _ = try await engine.search(request, in: "c")
      } throws: { ($0 as? MoultError)?.code == code }
    }
    // An empty collection has no hits, which is no error.
    let empty = try await engine.search(SearchRequest(queries: [1, 2, 3], dimension: 3, limit: 1), in: "c")
    #expect(empty.hits == [[]])
    try await harness.shutDown()
  }

  @Test("a form that cannot be trained is refused at once and leaves no job")
  func untrainableForms() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection("c", schema: CollectionSchema(dimension: 64))
    _ = try await engine.createCollection("wide", schema: CollectionSchema(dimension: 8_193))
    let cases: [(String, EncodingSpecification, MoultError.Code, String)] = [
      ("c", EncodingSpecification(quantization: .int8, bits: 4), .invalidArgument, "bits"),
      ("c", EncodingSpecification(quantization: .segmented, bits: 9), .invalidArgument, "bits"),
      ("c", EncodingSpecification(quantization: .segmented, bits: .nan), .invalidArgument, "bits"),
      ("c", EncodingSpecification(quantization: .binary, quantile: 0.9), .invalidArgument, "quantile"),
      ("c", EncodingSpecification(quantization: .int8, quantile: 0.4), .invalidArgument, "quantile"),
      ("wide", EncodingSpecification(quantization: .segmented), .unsupported, "8192"),
      (
        "wide", EncodingSpecification(quantization: .int8, dimensions: 64, transform: .pca), .unsupported,
        "8192"
      ),
    ]
    for (name, specification, code, text) in cases {
      let isRight = { @Sendable (error: any Error) in
        (error as? MoultError)?.code == code && (error as? MoultError)?.message.contains(text) == true
      }
      await #expect {
        _ = try await engine.startSwitch(name, SwitchRequest(specification: specification))
      } throws: { isRight($0) }
      await #expect {
        _ = try await engine.startReindex(
          ReindexRequest(source: name, target: "new", specification: specification))
      } throws: { isRight($0) }
    }
    #expect(try engine.jobs().isEmpty)
    try await harness.shutDown()
  }

  @Test("a data directory is used by one engine at a time")
  func lock() async throws {
    let harness = try await EngineHarness()
    await #expect {
      _ = try await EngineHarness(directory: harness.directory)
    } throws: { ($0 as? MoultError)?.code == .dataDirectoryInUse }
    try await harness.shutDown()
    let again = try await EngineHarness(directory: harness.directory)
    try await again.shutDown()
  }
}
