import Foundation
import Logging
import MoultEngine
import MoultModel
import MoultStorage
import MoultTesting

/// A data directory with one file of each kind, the answers it gives when it is sound, and copies of it to damage.
final class DamageFixture: Sendable {
  static let dimension = 24
  private static let segmentRows = 400

  /// A part of a file that damage may strike.
  struct Region: Sendable, CustomStringConvertible {
    var file: String
    var name: String
    var bytes: Range<Int>
    /// Not committed, so that nothing ever reads it.
    var isUnused = false

    var description: String { "\(name) of \(file)" }
  }

  /// Everything that a client can ask: `nil` for what is refused as damaged.
  struct Answers: Equatable {
    var codes: [[PointID]]?
    var exact: [[PointID]]?
    var points: [Point]?
    /// Of the collection whose files are not touched.
    var other: [[PointID]]?

    /// Whether something is answered that is not `truth`.
    func isWrong(beside truth: Answers) -> Bool {
      (codes != nil && codes != truth.codes) || (exact != nil && exact != truth.exact)
        || (points != nil && points != truth.points) || (other != nil && other != truth.other)
    }
  }

  let directory: TemporaryDirectory
  let truth: Answers
  let regions: [Region]
  private let queries: [Float]

  var path: String { directory.path + "/sound" }

  init() async throws {
    directory = TemporaryDirectory(inMemory: true)
    var random = SeededGenerator(seed: 8)
    queries = random.floats(count: 6 * Self.dimension)
    try await Self.fill(directory.path + "/sound")
    truth = try await Self.answers(of: directory.path + "/sound", queries: queries)
    regions = try Self.regions(of: directory.path + "/sound")
  }

  /// A copy to damage; the caller removes it.
  func copy() throws -> String {
    let target = "\(directory.path)/\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: path, toPath: target)
    return target
  }

  func answers(of path: String, trusting: Bool = false) async throws -> Answers {
    try await Self.answers(of: path, queries: queries, trusting: trusting)
  }

  // MARK: Parts

  private static func engine(_ path: String) async throws -> Engine {
    var logger = Logger(label: "damage")
    logger.logLevel = .critical
    return try await Engine.open(
      EngineConfiguration(dataDirectory: path, computeThreads: 1, segmentRowsMax: segmentRows), logger: logger
    )
  }

  private static func fill(_ path: String) async throws {
    let harness = try await EngineHarness(path: path, segmentRowsMax: segmentRows)
    let engine = harness.engine
    var random = SeededGenerator(seed: 9)
    for (name, rows) in [("words", 1_000), ("other", 50)] {
      _ = try await engine.createCollection(
        name, schema: CollectionSchema(dimension: dimension, metric: .cosine))
      for first in stride(from: 0, to: rows, by: 100) {
        let count = min(100, rows - first)
        _ = try await engine.write(
          PointBatch(
            ids: (first..<first + count).map { .int64(Int64($0)) },
            vectors: random.floats(count: count * dimension), dimension: dimension,
            payloads: (first..<first + count).map { #"{"n":\#($0)}"# }),
          to: name, mode: .upsert)
      }
    }
    // A segment of which a fifth is dead is written anew, with a list of its rows.
    _ = try await engine.delete((0..<400).filter { $0 % 3 != 2 }.map { .int64(Int64($0)) }, from: "words")
    try await harness.settle()
    let form = EncodingSpecification(
      quantization: .int8, index: .hnsw(m: 6, efConstruction: 40), oversampling: 4)
    for specification in [EncodingSpecification(quantization: .binary, oversampling: 8), form] {
      let job = try await engine.startSwitch(
        "words",
        SwitchRequest(specification: specification, gate: RecallGateRequest(minimumRecall: 0)))
      _ = try await harness.finish(job)
    }
    // Rows that are still growing.
    _ = try await engine.write(
      PointBatch(
        ids: (5_000..<5_070).map { .int64($0) }, vectors: random.floats(count: 70 * dimension),
        dimension: dimension), to: "words", mode: .upsert)
    try await harness.settle()
    try await harness.shutDown()
  }

  private static func answers(
    of path: String, queries: [Float], trusting: Bool = false
  ) async throws -> Answers {
    let engine: Engine
    do { engine = try await Self.engine(path) } catch let error as MoultError where error.code == .corrupted {
      return Answers()
    }
    if trusting { engine.trustAllFiles() }
    func asked<Value>(_ body: () async throws -> Value) async throws -> Value? {
      do { return try await body() } catch let error as MoultError where error.code == .corrupted {
        return nil
      }
    }
    func found(_ name: String, exact: Bool) async throws -> [[PointID]] {
      try await engine.search(
        SearchRequest(
          queries: queries, dimension: dimension, limit: 10, ef: 2_000, exact: exact, oversampling: 8),
        in: name
      ).hits.map { $0.map(\.id) }
    }
    let answers = Answers(
      codes: try await asked { try await found("words", exact: false) },
      exact: try await asked { try await found("words", exact: true) },
      points: try await asked {
        try await engine.scan(
          "words", after: nil, limit: 2_000, includeVectors: true, includePayload: true
        ).points
      },
      other: try await asked { try await found("other", exact: false) })
    await engine.close()
    return answers
  }

  private static func regions(of path: String) throws -> [Region] {
    let directory = try DataDirectory(path: path)
    defer { directory.close() }
    var regions: [Region] = []
    for collection in try directory.read({ try directory.catalog.collections(in: $0) })
    where collection.name == "words" {
      let folder = FileNames.directory(ofCollection: collection.id)
      let growing = try directory.read { db in
        try directory.catalog.segments(of: collection.id, in: db).filter { $0.state == .growing }
      }
      for name in try directory.fileSystem.list(directory.absolutePath(folder)) {
        let file = "\(folder)/\(name)"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.absolutePath(file)))
        func field(_ offset: Int) -> Int {
          bytes.withUnsafeBytes {
            Int(Int64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
          }
        }
        let (capacity, rowStride, sideStride, rowsOffset) = (field(64), field(72), field(80), field(96))
        let count = growing.first { $0.file == file }?.rowCount ?? field(56)
        let (side, rows) = (256 + count * sideStride, rowsOffset + count * rowStride)
        let isGrowing = growing.contains { $0.file == file }
        regions += [
          Region(file: file, name: "header", bytes: 0..<256),
          Region(file: file, name: "side section", bytes: 256..<side),
          Region(
            file: file, name: "space before the rows", bytes: side..<rowsOffset, isUnused: isGrowing),
          Region(file: file, name: "rows", bytes: rowsOffset..<rows),
          Region(
            file: file, name: "rows to come", bytes: rows..<(rowsOffset + capacity * rowStride),
            isUnused: true),
        ].filter { !$0.bytes.isEmpty && $0.bytes.upperBound <= bytes.count }
      }
    }
    return regions
  }
}
