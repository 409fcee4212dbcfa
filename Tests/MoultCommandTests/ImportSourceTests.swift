import Foundation
import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultCommand

@Suite("ImportSource")
struct ImportSourceTests {
  private let directory: ScratchDirectory
  private let rowCount = 25
  private let dimension = 8

  init() throws {
    directory = try ScratchDirectory(name: "moult-import-tests")
  }

  private func path(_ name: String) -> String { directory.path + "/" + name }

  /// Writes vectors after `edit` has changed them.
  private func vectors(_ edit: (inout [Float]) -> Void = { _ in }) throws -> String {
    var random = SeededGenerator(seed: 7)
    var values = random.floats(count: rowCount * dimension)
    edit(&values)
    let writer = try VectorFileWriter(
      path: path("v.npy"), elementType: .float32, dimension: dimension, force: true)
    try writer.append(values)
    try writer.close()
    return path("v.npy")
  }

  private func payload(_ lines: [String]) throws -> String {
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path("p.jsonl")))
    return path("p.jsonl")
  }

  private func check(
    vectors: String, payload: String? = nil, idField: String? = nil, metric: Metric = .cosine
  ) throws -> CollectionSchema.KeyKind {
    try ImportSource(vectorsPath: vectors, payloadPath: payload, idField: idField).check(metric: metric)
  }

  @Test("batches hold every row once, in order, with its payload", arguments: [1, 7, 25, 100])
  func batches(rowsMax: Int) throws {
    let lines = (0..<rowCount).map { "{\"n\":\($0)}" }
    let source = try ImportSource(
      vectorsPath: try vectors(), payloadPath: try payload(lines), idField: nil)
    #expect(try source.check(metric: .cosine) == .int64)
    var batches = try source.batches(of: rowsMax)
    var ids: [PointID] = []
    var payloads: [String] = []
    var values: [Float] = []
    while let batch = try batches.nextBatch() {
      #expect(batch.count <= rowsMax)
      ids += batch.ids
      payloads += batch.payloads
      values += batch.vectors
    }
    #expect(ids == (0..<rowCount).map { .int64(Int64($0)) })
    #expect(payloads == lines)
    #expect(values == (try source.vectors.readRows(0..<rowCount)))
  }

  @Test("ids come from the payload when asked for")
  func idField() throws {
    let lines = (0..<rowCount).map { "{\"key\":\"k\($0)\"}" }
    let source = try ImportSource(
      vectorsPath: try vectors(), payloadPath: try payload(lines), idField: "key")
    #expect(try source.check(metric: .cosine) == .string)
    var batches = try source.batches(of: 10)
    #expect(try batches.nextBatch()?.ids.first == .string("k0"))
    #expect(try batches.nextBatch()?.ids.first == .string("k10"))
  }

  @Test("a payload with too few or too many lines is refused, with both numbers", arguments: [24, 26])
  func lineCount(count: Int) throws {
    let error = #expect(throws: MoultError.self) {
      try check(vectors: try vectors(), payload: try payload((0..<count).map { "{\"n\":\($0)}" }))
    }
    #expect(error?.message.contains("\(count) lines") == true)
    #expect(error?.message.contains("25 vectors") == true)
  }

  @Test(
    "a bad id names its line",
    arguments: [
      ("{\"id\":3}", "duplicateID"), ("{\"other\":1}", "invalidArgument"),
      ("{\"id\":1.5}", "invalidArgument"),
      ("{\"id\":\"x\"}", "invalidArgument"), ("{\"id\":null}", "invalidArgument"),
    ])
  func badID(line: String, code: String) throws {
    var lines = (0..<rowCount).map { "{\"id\":\($0)}" }
    lines[9] = line
    let error = #expect(throws: MoultError.self) {
      try check(vectors: try vectors(), payload: try payload(lines), idField: "id")
    }
    #expect(error?.code.rawValue == code)
    #expect(error?.message.contains("line 10") == true)
  }

  @Test("NaN and infinity are refused, with their row", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    let file = try vectors { $0[13 * dimension + 3] = value }
    let error = #expect(throws: MoultError.self) { try check(vectors: file) }
    #expect(error?.code == .invalidVector)
    #expect(error?.message.contains("row 13") == true)
  }

  @Test("a vector too long for float32 scores is refused, whatever the metric")
  func tooLong() throws {
    let file = try vectors { $0[11 * dimension] = 2e19 }
    for metric in [Metric.cosine, .innerProduct, .squaredEuclidean] {
      let error = #expect(throws: MoultError.self) { try check(vectors: file, metric: metric) }
      #expect(error?.code == .invalidVector)
      #expect(error?.message.contains("v.npy', row 11") == true)
    }
    let fits = try vectors { $0[11 * dimension] = 9e18 }
    #expect(try check(vectors: fits) == .int64)
  }

  @Test("a vector too short to have a direction in float32 is refused under cosine only")
  func tooShort() throws {
    func file(_ value: Float) throws -> String {
      try vectors { values in
        for index in 0..<dimension { values[4 * dimension + index] = index == 3 ? value : 0 }
      }
    }
    let short = try file(1e-19)
    let error = #expect(throws: MoultError.self) { try check(vectors: short) }
    #expect(error?.code == .invalidVector)
    #expect(error?.message.contains("v.npy', row 4") == true)
    #expect(try check(vectors: short, metric: .innerProduct) == .int64)
    #expect(try check(vectors: try file(1.1e-19)) == .int64)
  }

  @Test("a zero vector is refused under cosine only")
  func zero() throws {
    let file = try vectors { values in
      for index in 0..<dimension { values[2 * dimension + index] = 0 }
    }
    let error = #expect(throws: MoultError.self) { try check(vectors: file) }
    #expect(error?.message.contains("row 2") == true)
    #expect(try check(vectors: file, metric: .squaredEuclidean) == .int64)
  }
}
