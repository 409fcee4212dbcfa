import Foundation
import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultBenchmark

@Suite("Benchmarks of inverted files")
struct IVFBenchmarkTests {
  @Test("more probes find no less, all lists everything; the lines tell lists, probes and bytes")
  func sweep() throws {
    let directory = TemporaryDirectory()
    let dimension = 24
    var random = SeededGenerator(seed: 3)
    func write(_ rows: Int, _ name: String) throws -> String {
      let path = directory.path + "/" + name
      let writer = try VectorFileWriter(path: path, elementType: .float32, dimension: dimension)
      try writer.append(random.gaussianFloats(count: rows * dimension))
      try writer.close()
      return path
    }
    let data = try BenchmarkData(
      vectorsPath: write(800, "v.npy"), queriesPath: write(60, "q.npy"), metric: .cosine)
    for quantization in [Quantization.none, .int8] {
      var records: [BenchmarkRecord] = []
      try IVFBenchmark.run(
        data,
        BenchmarkOptions(
          specification: EncodingSpecification(quantization: quantization, oversampling: 4), threads: 1,
          secondsMin: 1e-6), .init(lists: 40, probes: [1, 10, 40])
      ) { records.append($0) }
      #expect(records.map(\.benchmark) == ["ivf-build", "ivf", "ivf", "ivf"])
      #expect(records.map(\.probes) == [nil, 1, 10, 40])
      let recalls = records.compactMap(\.recall)
      #expect(recalls == recalls.sorted() && recalls[0] < 0.6 && recalls[2] >= 0.999, "\(recalls)")
      for record in records {
        #expect(record.lists == 40 && record.buildSeconds != nil && record.index == "ivf")
        // 40 centroids of 5 bytes a dimension and 4 bytes a row, and some.
        #expect((10..<20).contains(try #require(record.listBytesPerVector)))
      }
    }
  }
}
