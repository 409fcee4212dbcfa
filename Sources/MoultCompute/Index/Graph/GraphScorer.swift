/// Scores rows against each other while a graph is built.
///
/// With guides a walk scores those of one cache line, and links are chosen by those of two: what a walk
/// costs is the memory it touches, and choosing needs finer scores, but of few rows. Without guides codes do
/// both.
struct GraphScorer: @unchecked Sendable {  // what it points to is only read
  enum Query {
    case guide(GuideQuery)
    case code(PreparedQuery)
  }

  /// Codes below two cache lines are scored as fast as their guides.
  private static let guidedBytesMin = 128

  /// Whether choosing scores otherwise than walking.
  var isTwofold: Bool { guides != nil }

  private let encoder: VectorEncoder
  private let codes: CodeView
  private let guides: (coarse: GraphGuide, fine: GraphGuide)?
  private let records: UnsafeRawPointer
  private let stride: Int

  /// - Parameter isGuided: `false` scores by the codes alone.
  init(encoder: VectorEncoder, codes: CodeView, isGuided: Bool = true, parallel: ParallelFor) {
    self.encoder = encoder
    self.codes = codes
    let isWorthIt = isGuided && encoder.bytesPerVector >= Self.guidedBytesMin
    guides = (isWorthIt ? GuideBasis(encoder: encoder, codes: codes) : nil).map { basis in
      (
        GraphGuide(basis: basis, codes: codes, lines: 1, parallel: parallel),
        GraphGuide(basis: basis, codes: codes, lines: 2, parallel: parallel)
      )
    }
    records = guides.map { UnsafeRawPointer($0.coarse.records) } ?? codes.rows
    stride = guides?.coarse.bytesPerVector ?? codes.rowStride
  }

  /// A row as the query of a walk.
  func prepareToWalk(_ row: UInt32) -> Query {
    if let guides { return .guide(guides.coarse.prepare(row: Int(row))) }
    return .code(encoder.prepare(row: Int(row), of: codes))
  }

  /// A row as the query by which links are chosen.
  func prepareToChoose(_ row: UInt32) -> Query {
    if let guides { return .guide(guides.fine.prepare(row: Int(row))) }
    return .code(encoder.prepare(row: Int(row), of: codes))
  }

  /// Scores the `count` rows that `indices` names.
  @inline(__always)
  func score(
    _ query: Query, indices: UnsafePointer<UInt32>, count: Int, into scores: UnsafeMutablePointer<Float>
  ) {
    switch query {
    case .guide(let query): query.score(indices: indices, count: count, into: scores)
    case .code(let query): encoder.score(query, codes, indices: indices, count: count, into: scores)
    }
  }

  /// Asks for what the score of a walk will read.
  @inline(__always)
  func fetch(indices: UnsafePointer<UInt32>, count: Int) {
    for index in 0..<count {
      // The processor guesses how a long row goes on.
      KernelTable.prefetch(records + Int(indices[index]) &* stride, bytes: min(stride, 512))
    }
  }
}
