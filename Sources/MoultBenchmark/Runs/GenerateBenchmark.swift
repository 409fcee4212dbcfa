internal import MoultFiles
internal import MoultModel

/// Writes a set of any size that is made of a real one; see `NeighbourhoodGenerator`.
package enum GenerateBenchmark {
  private static let chunkRows = 8192

  /// - Parameters:
  ///   - path: `.npy` (float16) or `.fvecs`.
  ///   - force: replace a file that is there already.
  /// - Complexity: memory of the real rows and of one chunk.
  package static func run(
    _ base: BenchmarkData, count: Int, noise: NeighbourhoodGenerator.Noise, noiseScale: Float, seed: UInt64,
    threads: Int,
    path: String, force: Bool, _ sink: RecordSink
  ) throws {
    let writer = try VectorFileWriter(
      path: path, elementType: .float16, dimension: base.dimension, force: force)
    var checksum = Checksum()
    let seconds = try Stopwatch.seconds {
      let generator = try NeighbourhoodGenerator(
        base: base, noise: noise, noiseScale: noiseScale, seed: seed, threads: threads)
      for first in stride(from: 0, to: count, by: chunkRows) {
        let rows = generator.rows(first..<min(count, first + chunkRows))
        rows.withUnsafeBytes { checksum.add($0) }
        try writer.append(rows)
      }
      try writer.close()
    }
    var record = BenchmarkRecord(
      benchmark: "generate", dataset: BenchmarkData.name(path), rows: count, dimension: base.dimension,
      metric: base.metric, specification: EncodingSpecification(), threads: threads)
    record.seconds = seconds
    record.rowsPerS = Double(count) / seconds
    record.checksum = checksum.text
    record.note =
      "\(noise.rawValue) noise × \(noiseScale), seed \(seed), from \(base.rowCount) rows of \(base.name), which come first"
    try sink(record)
  }
}
