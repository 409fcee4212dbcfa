internal import Foundation
internal import MoultCompute
internal import MoultFiles
package import MoultModel
internal import Synchronization

/// How fast a file of vectors becomes codes, and how much memory that takes beside them: the file is read in
/// chunks, as a file larger than memory has to be.
///
/// Chunks are read rather than mapped, like all exchange files (see `InputFile`): a file that somebody cuts off
/// meanwhile is an error and no SIGBUS, and what is read is no memory of this process.
package enum StreamEncodeBenchmark {
  /// Bytes of vectors that are trained on, unless four a dimension are more: with them training stays within
  /// 64 MiB up to 1024 dimensions.
  private static let sampleBytesMax = 24 << 20
  private static let sampleRowsMax = 16_384
  /// Rows read and encoded together; every thread holds as many.
  private static let chunkRows = 512

  package static func run(
    vectorsPath: String, metric: Metric, rows: Int?, _ options: BenchmarkOptions, _ sink: RecordSink
  ) throws {
    try options.refuseTargetRecall("bench encode searches nothing")
    let before = MemoryUse.current
    let file = try VectorFile(path: vectorsPath)
    let rowCount = min(rows ?? file.rowCount, file.rowCount)
    guard rowCount > 0 else { throw MoultError(.invalidArgument, "'\(vectorsPath)' holds no vectors") }
    func record(_ benchmark: String, threads: Int) -> BenchmarkRecord {
      BenchmarkRecord(
        benchmark: benchmark, dataset: BenchmarkData.name(vectorsPath), rows: rowCount,
        dimension: file.dimension, metric: metric, specification: options.specification, threads: threads)
    }

    let clock = ContinuousClock()
    let start = clock.now
    let (encoder, sampleCount) = try train(file, metric: metric, rowCount: rowCount, options.specification)
    let trained = MemoryUse.current
    if !options.specification.isIdentity {
      var training = record("train", threads: 1)
      training.seconds = Stopwatch.seconds(from: start, to: clock.now)
      training.note =
        "\(sampleCount) rows, reading them included" + (encoder.report.gainSummary.map { "; \($0)" } ?? "")
      try sink(training)
    }

    let store = CodeStore(encoder: encoder, capacity: rowCount)
    let chunk = options.batch ?? chunkRows
    let failure = Mutex<MoultError?>(nil)
    let run = Repetition(secondsMin: options.secondsMin) {
      options.team.parallelFor.run((rowCount + chunk - 1) / chunk) { index in
        do throws(MoultError) {
          try encode(index * chunk..<min(rowCount, (index + 1) * chunk), of: file, into: store)
        } catch {
          failure.withLock { $0 = error }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    var encoding = record("encode-stream", threads: options.threads)
    encoding.batch = chunk
    encoding.rowsPerS = Double(rowCount) / run.secondsPerRound
    encoding.seconds = run.secondsPerRound
    encoding.bytesPerVector = encoder.bytesPerVector
    encoding.checksum = store.checksum
    if let before, let trained, let after = MemoryUse.current {
      // The codes' memory is asked for after training, so the peak is the larger of the two steps'.
      let output = rowCount * encoder.bytesPerVector
      encoding.residentMb = mebibytes(after.peak)
      encoding.extraMb = mebibytes(max(trained.peak, after.peak - output) - before.resident)
      encoding.note =
        "extra: peak resident memory (VmHWM) of training or encoding, less \(mebibytes(before.resident)) MiB at "
        + "the start and \(mebibytes(output)) MiB of codes; the input is read in chunks and not mapped"
    }
    try sink(encoding)
  }

  private static func mebibytes(_ bytes: Int) -> Double { (10 * Double(bytes) / 1_048_576).rounded() / 10 }

  /// Trains on evenly spaced rows.
  private static func train(
    _ file: VectorFile, metric: Metric, rowCount: Int, _ specification: EncodingSpecification
  ) throws -> (encoder: VectorEncoder, sampleCount: Int) {
    let dimension = file.dimension
    let wanted = max(4 * dimension, min(sampleRowsMax, sampleBytesMax / (4 * dimension)))
    let step = (rowCount + wanted - 1) / wanted
    let picked = Array(stride(from: 0, to: rowCount, by: step))
    let sample = UnsafeMutableBufferPointer<Float>.allocate(capacity: picked.count * dimension)
    defer { sample.deallocate() }
    for (place, row) in picked.enumerated() {
      let target = UnsafeMutableBufferPointer(
        rebasing: sample[place * dimension..<(place + 1) * dimension])
      try file.readRows(row..<row + 1, into: target)
    }
    let encoder = try VectorEncoder.train(
      specification: specification, dimension: dimension, metric: metric, overwriting: sample.baseAddress!,
      sampleCount: picked.count, seed: BenchmarkData.seed)
    return (encoder, picked.count)
  }

  private static func encode(
    _ rows: Range<Int>, of file: VectorFile, into store: CodeStore
  ) throws(MoultError) {
    let chunk = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows.count * file.dimension)
    defer { chunk.deallocate() }
    try file.readRows(rows, into: chunk)
    store.encode(chunk.baseAddress!, at: rows.lowerBound, count: rows.count)
  }
}
