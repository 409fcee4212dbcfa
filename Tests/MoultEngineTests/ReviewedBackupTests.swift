import MoultCompute
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

/// Defects that a review found in backups, so that none comes back.
@Suite("Reviewed defects of backups")
struct ReviewedBackupTests {
  private static let dimension = 16
  private static let metric = Metric.cosine
  private static let quantization = Quantization.int8

  /// What an encoder is, that stands in an archive beside codes of `int8`, 16 dimensions and cosine.
  struct Forgery: CustomStringConvertible, Sendable {
    var description: String
    var quantization = ReviewedBackupTests.quantization
    var dimension = ReviewedBackupTests.dimension
    var metric = ReviewedBackupTests.metric
  }

  static let forgeries = [
    Forgery(description: "more dimensions", dimension: 17),
    Forgery(description: "fewer dimensions", dimension: 8),
    Forgery(description: "another metric", metric: .innerProduct),
    Forgery(description: "another metric, not normalized", metric: .squaredEuclidean),
    Forgery(description: "another kind", quantization: .qdrantInt8),
    Forgery(description: "full precision", quantization: .none),
  ]

  /// The bytes are sound, checksums included: only who knows the collection can tell that they do not belong to it.
  @Test(
    "a backup whose encoder does not fit its collection is refused, and nothing of it stays",
    arguments: forgeries)
  func forgedEncoder(forgery: Forgery) async throws {
    let source = try await EngineHarness()
    _ = try await source.engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.dimension, metric: Self.metric))
    var random = SeededGenerator(seed: 7)
    _ = try await source.engine.write(
      PointBatch(
        ids: (0..<300).map { .int64($0) }, vectors: random.floats(count: 300 * Self.dimension),
        dimension: Self.dimension), to: "words", mode: .upsert)
    let job = try await source.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: Self.quantization),
        gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await source.finish(job).state == .completed)
    let honest = try await archive(source.engine)

    let collection = try source.engine.aliases.current.ready("words")
    let vectors = random.floats(count: 300 * forgery.dimension)
    let encoder = try VectorEncoder.train(
      specification: EncodingSpecification(quantization: forgery.quantization), dimension: forgery.dimension,
      metric: forgery.metric, sample: vectors, sampleCount: 300, seed: 1)
    _ = try GenerationFiles(
      directory: source.engine.resources.directory, collectionID: collection.id,
      generationID: collection.snapshot.live.id
    ).write(encoder)
    let forged = try await archive(source.engine)
    try await source.shutDown()

    let target = try await EngineHarness()
    await #expect {
      _ = try await target.engine.restore(Pieces(bytes: forged))
    } throws: { error in
      guard let error = error as? MoultError else { return false }
      return error.code == .corrupted && error.message.contains("expected an encoder")
    }
    #expect(try target.engine.listCollections().isEmpty)
    #expect(!target.directory.files().contains { $0.hasPrefix("collections/") && $0.contains(".") })
    // The same without the forgery is taken.
    _ = try await target.engine.restore(Pieces(bytes: honest))
    #expect(try target.engine.describeCollection("words").count == 300)
    try await target.shutDown()
    let directory = try DataDirectory(path: target.directory.path)
    let report = directory.check(deep: true)
    directory.close()
    #expect(report.isSound && report.orphans == [], "\(report)")
  }

  private func archive(_ engine: Engine) async throws -> [UInt8] {
    let backup = try await engine.startBackup()
    var bytes: [UInt8] = []
    while let part = try await backup.next() { bytes += part }
    return bytes
  }

  /// An archive in one piece.
  private struct Pieces: AsyncSequence, AsyncIteratorProtocol {
    var bytes: [UInt8]
    mutating func next() async -> [UInt8]? {
      defer { bytes = [] }
      return bytes.isEmpty ? nil : bytes
    }
    func makeAsyncIterator() -> Pieces { self }
  }
}
