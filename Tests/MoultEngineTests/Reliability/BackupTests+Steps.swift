import MoultEngine
import MoultModel
import MoultStorage
import MoultTesting
import Testing

/// Collections, their archives and what is in them.
extension BackupTests {
  static let dimension = 24
  static let segmentRows = 200

  /// Pieces of an archive as a stream of them.
  struct Pieces: AsyncSequence, AsyncIteratorProtocol {
    var bytes: ArraySlice<UInt8>
    var size = 10_007
    mutating func next() async -> [UInt8]? {
      guard !bytes.isEmpty else { return nil }
      defer { bytes = bytes.dropFirst(size) }
      return Array(bytes.prefix(size))
    }
    func makeAsyncIterator() -> Pieces { self }
  }

  func archive(_ backup: RunningBackup) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let part = try await backup.next() { bytes += part }
    return bytes
  }

  func archive(_ engine: Engine, _ names: [String] = []) async throws -> [UInt8] {
    try await archive(try await engine.startBackup(of: names))
  }

  func restore(
    _ bytes: [UInt8], into engine: Engine, _ request: RestoreRequest = RestoreRequest()
  ) async throws -> RestoreReport {
    try await engine.restore(Pieces(bytes: bytes[...]), request)
  }

  func check(_ bytes: [UInt8]) throws -> BackupSummary {
    var check = BackupCheck()
    try bytes.withUnsafeBytes { try check.read($0) }
    return try check.finish()
  }

  func code(_ body: () async throws -> Void) async -> MoultError.Code? {
    do {
      try await body()
      return nil
    } catch { return (error as? MoultError)?.code }
  }

  func batch(
    _ ids: some Sequence<Int64>, _ random: inout SeededGenerator, version: Int = 0
  ) -> PointBatch {
    let ids = Array(ids)
    return PointBatch(
      ids: ids.map { .int64($0) }, vectors: random.floats(count: ids.count * Self.dimension),
      dimension: Self.dimension, payloads: ids.map { #"{"n":\#($0),"v":\#(version)}"# })
  }

  /// Sealed segments, a merged one, rows that grow, dead rows; two generations when a form is given.
  func fill(_ harness: EngineHarness, _ name: String, _ form: EncodingSpecification?) async throws {
    let engine = harness.engine
    var random = SeededGenerator(seed: 5)
    _ = try await engine.createCollection(name, schema: CollectionSchema(dimension: Self.dimension))
    for first in stride(from: Int64(0), to: 700, by: 100) {
      _ = try await engine.write(batch(first..<first + 100, &random), to: name, mode: .upsert)
    }
    _ = try await engine.delete((0..<150).filter { $0 % 3 != 0 }.map { .int64(Int64($0)) }, from: name)
    try await harness.settle()
    if let form {
      let job = try await engine.startSwitch(
        name, SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0)))
      let finished = try await harness.finish(job)
      #expect(finished.state == .completed, "\(form): \(finished.error ?? "")")
    }
    _ = try await engine.write(batch(650..<760, &random, version: 1), to: name, mode: .upsert)
    _ = try await engine.delete([.int64(700)], from: name)
    try await harness.settle()
  }

  /// All that can be asked of a collection.
  struct Contents: Equatable {
    var hits: [[SearchHit]]
    var exact: [[SearchHit]]
    var points: [Point]
    var schema: CollectionSchema
    var generations: [EncodingSpecification]
  }

  func contents(_ engine: Engine, _ name: String) async throws -> Contents {
    var random = SeededGenerator(seed: 6)
    let queries = random.floats(count: 5 * Self.dimension)
    func search(exact: Bool) async throws -> [[SearchHit]] {
      try await engine.search(
        SearchRequest(
          queries: queries, dimension: Self.dimension, limit: 10, ef: 2_000, exact: exact,
          includePayload: true), in: name
      ).hits
    }
    return Contents(
      hits: try await search(exact: false), exact: try await search(exact: true),
      points: try await engine.scan(
        name, after: nil, limit: 10_000, includeVectors: true, includePayload: true
      ).points, schema: try engine.describeCollection(name).schema,
      generations: try engine.generations(of: name).map(\.specification))
  }

  func requireSound(_ harness: EngineHarness) throws {
    let directory = try DataDirectory(path: harness.directory.path)
    defer { directory.close() }
    let report = directory.check(deep: true)
    #expect(report.isSound && report.orphans == [], "\(report)")
  }

  static let forms: [EncodingSpecification] =
    Quantization.allCases.filter { $0 != .none }.map { EncodingSpecification(quantization: $0) }
    + [
      EncodingSpecification(index: .hnsw(m: 6, efConstruction: 40)),
      EncodingSpecification(index: .ivf(lists: 8)),
      EncodingSpecification(quantization: .int8, index: .hnsw(m: 6, efConstruction: 40)),
      EncodingSpecification(quantization: .binary, index: .ivf(lists: 8)),
      EncodingSpecification(quantization: .int8, dimensions: 12, transform: .pca),
    ]
}
