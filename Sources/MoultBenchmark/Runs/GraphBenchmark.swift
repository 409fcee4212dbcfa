internal import MoultCompute
internal import MoultModel

/// Building a graph over codes, then searching it with a widening beam: a line for the build, then one for
/// each `ef`.
package enum GraphBenchmark {
  /// Beam widths of the sweep.
  private static let sweep = [16, 32, 64, 128, 256]

  /// - Parameter ef: only this width.
  /// - Throws: `unsupported` for a target of recall.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, ef: Int?, _ sink: RecordSink
  ) throws {
    try options.refuseTargetRecall("bench graph compares beam widths with a fixed oversampling")
    var specification = options.specification
    if specification.index == .flat { specification.index = .defaultHNSW }
    guard case .hnsw(let m, let efConstruction) = specification.index else { return }
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let encoder = try data.train(specification)
    let codes = CodeStore(encoder: encoder, capacity: data.rowCount)
    data.vectors.withUnsafeBufferPointer {
      codes.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
    }

    var bytes: [UInt8] = []
    let buildSeconds = try Stopwatch.seconds {
      bytes = try GraphIndexBuilder.build(
        encoder: encoder, codes: codes.view, m: m, efConstruction: efConstruction, seed: 1,
        parallel: team.parallelFor)
    }
    var build = data.record("graph-build", specification, threads: options.threads)
    build.seconds = buildSeconds
    build.rowsPerS = Double(data.rowCount) / buildSeconds
    build.bytesPerVector = encoder.bytesPerVector + bytes.count / data.rowCount
    build.note = "m \(m), efConstruction \(efConstruction)"
    try sink(build)

    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    let graph = try GraphIndex(bytes: UnsafeRawBufferPointer(memory))
    let oversampling = specification.isIdentity ? 1 : specification.effectiveOversampling
    let searcher = CandidateSearch(
      data: data, encoder: encoder, codes: codes, originals: originals, k: options.k,
      rescoring: .oversampling(oversampling))
    for ef in ef.map({ [$0] }) ?? sweep {
      let run = QueryRun(queryCount: data.queryCount, team: team, secondsMin: options.secondsMin) { range in
        range.map { query in
          searcher.search(query) { prepared, count in
            graph.search(
              encoder: encoder, query: prepared, codes: codes.view, live: .all, k: count, ef: max(ef, count))
          }
        }
      }
      var record = data.record("graph", specification, threads: options.threads)
      record.ef = ef
      record.oversampling = oversampling
      record.bytesPerVector = build.bytesPerVector
      run.fill(&record, truth: truth)
      try sink(record)
    }
  }
}
