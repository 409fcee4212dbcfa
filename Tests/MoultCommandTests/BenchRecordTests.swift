import MoultBenchmark
import MoultModel
import Testing

@testable import MoultCommand

@Suite("Benchmark records")
struct BenchRecordTests {
  private var record: BenchmarkRecord {
    var record = BenchmarkRecord(
      benchmark: "scan", dataset: "d/v.npy", rows: 1000, dimension: 8, metric: .innerProduct,
      specification: EncodingSpecification(quantization: .int8), threads: 2)
    record.qps = 1234.5
    record.set(MeasuredRecall(mean: 0.5, lower: 0.4, upper: 0.6, queryCount: 3, k: 10))
    record.bytesPerVector = 12
    record.checksum = Checksum.of([[1, 2], [3]])
    return record
  }

  @Test("a line has the documented names")
  func names() throws {
    let line = try record.json()
    for name in [
      "benchmark", "dataset", "rows", "dimension", "metric", "quantization", "index", "threads", "machine",
      "isa", "k",
      "recall", "qps", "bytes_per_vector", "checksum", "commit",
    ] {
      #expect(line.contains("\"\(name)\":"), "\(name) in \(line)")
    }
    #expect(!line.contains("\n"))
    #expect(!line.contains("rows_per_s"), "what was not measured is left out")
  }

  @Test("the table has only columns with figures")
  func table() {
    let table = RecordPrinter.table([record])
    #expect(table.contains("QPS"))
    #expect(!table.contains("STALE"))
    #expect(table.contains("1,234"))
  }

  @Test("the table names the bits and the quantile of a code where they were chosen")
  func form() {
    func table(_ specification: EncodingSpecification) -> String {
      RecordPrinter.table([
        BenchmarkRecord(
          benchmark: "scan", dataset: "d/v.npy", rows: 1000, dimension: 8, metric: .innerProduct,
          specification: specification, threads: 2)
      ])
    }
    #expect(
      table(EncodingSpecification(quantization: .segmented, bits: 0.75)).contains("segmented 0.75 bits"))
    #expect(table(EncodingSpecification(quantization: .segmented, bits: 4)).contains("segmented 4 bits"))
    #expect(table(EncodingSpecification(quantization: .int8, quantile: 0.99)).contains("int8 quantile 0.99"))
    #expect(!table(EncodingSpecification(quantization: .int8)).contains("quantile"))
  }

  @Test("a checksum depends on ids, their order and their queries")
  func checksum() {
    let one = Checksum.of([[1, 2], [3]])
    #expect(one == Checksum.of([[1, 2], [3]]))
    #expect(one != Checksum.of([[2, 1], [3]]))
    #expect(one != Checksum.of([[1], [2, 3]]))
    #expect(one.count == 16)
  }
}
