import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultBenchmark

@Suite("Encoding a file in chunks")
struct StreamEncodeTests {
  private func write(
    _ vectors: [Float], dimension: Int, elementType: CollectionSchema.ElementType,
    in directory: TemporaryDirectory
  ) throws -> String {
    let path = directory.path + "/vectors.npy"
    let writer = try VectorFileWriter(path: path, elementType: elementType, dimension: dimension)
    try writer.append(vectors)
    try writer.close()
    return path
  }

  @Test(
    "the codes are those of vectors held in memory, whatever the chunk and the number of threads",
    arguments: [CollectionSchema.ElementType.float32, .float16], [Quantization.segmented, .int8, .none])
  func sameCodes(elementType: CollectionSchema.ElementType, quantization: Quantization) throws {
    let directory = TemporaryDirectory()
    defer { withExtendedLifetime(directory) {} }
    var random = SeededGenerator(seed: 3)
    let path = try write(
      random.gaussianFloats(count: 601 * 40), dimension: 40, elementType: elementType, in: directory)
    var options = BenchmarkOptions(
      specification: EncodingSpecification(quantization: quantization), threads: 1, secondsMin: 1e-6)
    var whole: [BenchmarkRecord] = []
    try EncodeBenchmark.run(try BenchmarkData(vectorsPath: path, metric: .cosine), options) {
      whole.append($0)
    }
    for (threads, chunk) in [(1, 601), (2, 100), (3, 1)] {
      options.threads = threads
      options.batch = chunk
      var records: [BenchmarkRecord] = []
      try StreamEncodeBenchmark.run(vectorsPath: path, metric: .cosine, rows: nil, options) {
        records.append($0)
      }
      let record = try #require(records.last)
      #expect(record.benchmark == "encode-stream" && record.checksum == whole.last?.checksum)
      #expect(record.rows == 601 && record.bytesPerVector == whole.last?.bytesPerVector)
      #expect(try #require(record.extraMb) < (try #require(record.residentMb)))
    }
  }

  @Test("what training learned is in its line; a target of recall, which would change nothing, is refused")
  func training() throws {
    let directory = TemporaryDirectory()
    defer { withExtendedLifetime(directory) {} }
    var random = SeededGenerator(seed: 4)
    let path = try write(
      random.gaussianFloats(count: 200 * 32), dimension: 32, elementType: .float32, in: directory)
    let data = try BenchmarkData(vectorsPath: path, metric: .cosine)
    var options = BenchmarkOptions(
      specification: EncodingSpecification(quantization: .segmented, bits: 2), threads: 1, secondsMin: 1e-6)
    var records: [BenchmarkRecord] = []
    try EncodeBenchmark.run(data, options) { records.append($0) }
    try StreamEncodeBenchmark.run(vectorsPath: path, metric: .cosine, rows: nil, options) {
      records.append($0)
    }
    let notes = records.filter { $0.benchmark == "train" }.compactMap(\.note)
    #expect(
      notes.count == 2 && notes.allSatisfy { $0.contains("200 rows") && $0.contains("bits a dimension") })

    options.specification.targetRecall = 0.9
    let isRight = { (error: any Error) in
      (error as? MoultError)?.code == .unsupported && "\(error)".contains("--target-recall")
    }
    #expect { try EncodeBenchmark.run(data, options) { _ in } } throws: { isRight($0) }
    #expect {
      try StreamEncodeBenchmark.run(vectorsPath: path, metric: .cosine, rows: nil, options) { _ in }
    } throws: { isRight($0) }
    #expect { try GraphBenchmark.run(data, options, GraphBenchmark.Plan()) { _ in } } throws: { isRight($0) }
  }

  @Test("memory that is touched is counted, in the peak also when it is given back")
  func memory() throws {
    let before = try #require(MemoryUse.current)
    let byteCount = 64 << 20
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 1, count: byteCount)
    let during = try #require(MemoryUse.current)
    #expect(bytes.load(fromByteOffset: byteCount - 1, as: UInt8.self) == 1)
    bytes.deallocate()
    let after = try #require(MemoryUse.current)
    #expect(during.anonymous >= before.anonymous + byteCount / 2)
    #expect(during.resident >= during.anonymous)
    // The system sums up pages with a delay of some dozens a thread.
    #expect(after.peak >= during.resident - (4 << 20))
  }
}
