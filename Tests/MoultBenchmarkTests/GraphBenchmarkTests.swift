import Foundation
import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultBenchmark

@Suite("Benchmarks of graphs")
struct GraphBenchmarkTests {
  static let dimension = 24
  let directory = TemporaryDirectory()

  private func write(_ vectors: [Float], to name: String) throws -> String {
    let path = directory.path + "/" + name
    let writer = try VectorFileWriter(path: path, elementType: .float32, dimension: Self.dimension)
    try writer.append(vectors)
    try writer.close()
    return path
  }

  private func data(rows: Int = 600, seed: UInt64) throws -> BenchmarkData {
    var random = SeededGenerator(seed: seed)
    let path = try write(random.gaussianFloats(count: rows * Self.dimension), to: "v\(seed).npy")
    let queries = try write(random.gaussianFloats(count: 50 * Self.dimension), to: "q\(seed).npy")
    return try BenchmarkData(vectorsPath: path, queriesPath: queries, metric: .cosine)
  }

  private func options(_ quantization: Quantization = .none) -> BenchmarkOptions {
    BenchmarkOptions(
      specification: EncodingSpecification(quantization: quantization), threads: 1, secondsMin: 1e-6)
  }

  private func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, _ plan: GraphBenchmark.Plan
  ) throws -> [BenchmarkRecord] {
    var records: [BenchmarkRecord] = []
    try GraphBenchmark.run(data, options, plan) { records.append($0) }
    return records
  }

  @Test("a beam as wide as the set finds everything, and the build's line tells bytes and code")
  func widestBeam() throws {
    let data = try data(seed: 1)
    let records = try run(
      data, options(), GraphBenchmark.Plan(shape: GraphShape(m: 8, efConstruction: 40), widths: [16, 600]))
    #expect(records.map(\.benchmark) == ["graph-build", "graph", "graph"])
    #expect(records[2].recall == 1 && records.map(\.ef) == [nil, 16, 600])
    for record in records {
      #expect(record.builtWith == "none" && record.m == 8 && record.buildSeconds != nil)
      // 16 links of 4 bytes a row on level 0, and less than half as much above and before.
      let graphBytes = try #require(record.graphBytesPerVector)
      #expect((64..<96).contains(graphBytes))
      #expect(record.bytesPerVector == graphBytes + 4 * Self.dimension + 4)
    }
  }

  @Test("a graph that was written is searched again with equal answers; one of other rows is refused")
  func files() throws {
    let data = try data(seed: 2)
    let path = directory.path + "/g.graph"
    let written = try run(data, options(.int8), GraphBenchmark.Plan(widths: [32], writePath: path))
    let read = try run(data, options(.int8), GraphBenchmark.Plan(widths: [32], readPath: path))
    #expect(read.map(\.benchmark) == ["graph"] && read[0].checksum == written[1].checksum)
    #expect(read[0].buildSeconds == nil && read[0].builtWith == nil)
    let other = try self.data(rows: 300, seed: 3)
    #expect {
      _ = try run(other, options(.int8), GraphBenchmark.Plan(readPath: path))
    } throws: {
      ($0 as? MoultError)?.code == .invalidArgument && "\($0)".contains("600 rows")
    }
  }

  @Test("no more candidates are rescored than the beam holds, and no number twice")
  func candidates() {
    #expect(GraphSweep.candidateCounts(k: 10, ef: 64, oversamplings: [1, 2, 4, 8, 16]) == [10, 20, 40, 64])
    #expect(GraphSweep.candidateCounts(k: 10, ef: 4, oversamplings: [1, 2]) == [10])
    #expect(GraphSweep.candidateCounts(k: 3, ef: 64, oversamplings: [1.5]) == [5])
  }

  @Test("every code is searched over every graph, and kept graphs are compared with the fresh one")
  func keptGraphs() throws {
    let data = try data(seed: 4)
    let names = try ["none", "int8", "binary"].map { try #require(CodeName($0)) }
    var records: [BenchmarkRecord] = []
    try KeptGraphBenchmark.run(data, options(), codes: names, shape: GraphShape(), widths: [16, 600]) {
      records.append($0)
    }
    let searches = records.filter { $0.benchmark == "kept-graph" }
    #expect(records.count == 3 + 18 && searches.count == 18)
    for record in searches {
      let fresh = record.builtWith == record.quantization
      #expect((record.recallDifference == nil) == fresh)
      // A beam of all rows makes the graph no matter.
      if record.ef == 600, !fresh { #expect(record.recallDifference == 0) }
    }
    #expect(throws: MoultError.self) {
      try KeptGraphBenchmark.run(
        data, options(), codes: [names[0], names[0]], shape: GraphShape(), widths: [16]
      ) { _ in }
    }
  }

  @Test("names of codes are read as they are written")
  func codeNames() throws {
    for name in ["int8", "segmented", "segmented:2", "segmented:0.75", "qdrant-binary"] {
      #expect(CodeName(name)?.description == name)
    }
    for wrong in ["", "int9", "int8:4", "segmented:0", "segmented:9", "segmented:", "segmented:nan"] {
      #expect(CodeName(wrong) == nil, "\(wrong)")
    }
    #expect(CodeName("segmented:2")?.specification.bits == 2)
  }
}
