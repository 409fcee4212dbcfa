internal import MoultCompute
internal import MoultModel

/// The rows of a benchmark in one code.
struct EncodedRows {
  let name: CodeName
  let encoder: VectorEncoder
  let codes: CodeStore
  /// What training and encoding took.
  let seconds: Double

  /// - Parameter originals: stand in for the code that is full precision itself.
  init(
    _ data: BenchmarkData, _ specification: EncodingSpecification, originals: CodeStore, team: ThreadTeam
  ) throws {
    name = CodeName(specification)
    let clock = ContinuousClock()
    let start = clock.now
    if specification.isIdentity {
      encoder = VectorEncoder.identity(dimension: data.dimension, metric: data.metric)
      codes = originals
    } else {
      let encoder = try data.train(specification)
      let codes = CodeStore(encoder: encoder, capacity: data.rowCount)
      data.vectors.withUnsafeBufferPointer {
        codes.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
      }
      (self.encoder, self.codes) = (encoder, codes)
    }
    seconds = Stopwatch.seconds(from: start, to: clock.now)
  }
}
