internal import MoultCompute
internal import MoultModel
internal import Synchronization

/// Candidates by codes, then rescoring, as the engine does it.
struct CandidateSearch: Sendable {
  enum Rescore: Sendable {
    /// All of `k` times that many; with 1 codes decide.
    case oversampling(Double)
    case policy(RescoringPolicy)

    /// Codes alone, then with the rescoring that the form has.
    static func lines(_ specification: EncodingSpecification, policy: RescoringPolicy?) -> [Rescore] {
      if let policy { return [.oversampling(1), .policy(policy)] }
      let effective = specification.isIdentity ? 1 : specification.effectiveOversampling
      return effective > 1 ? [.oversampling(1), .oversampling(effective)] : [.oversampling(1)]
    }
  }

  /// Candidates that were rescored by a policy, and for how many queries.
  private final class Work: Sendable {
    let evaluations = Atomic<Int>(0)
    let queries = Atomic<Int>(0)
  }

  let data: BenchmarkData
  let encoder: VectorEncoder
  let codes: CodeStore
  let originals: CodeStore
  let k: Int
  let rescoring: Rescore
  private let work = Work()

  init(
    data: BenchmarkData, encoder: VectorEncoder, codes: CodeStore, originals: CodeStore, k: Int,
    rescoring: Rescore
  ) {
    self.data = data
    self.encoder = encoder
    self.codes = codes
    self.originals = originals
    self.k = k
    self.rescoring = rescoring
  }

  /// - Parameter candidates: finds that many rows by their codes.
  func search(
    _ query: Int, candidates: (PreparedQuery, UnsafePointer<Float>, Int) -> [Neighbor]
  ) -> [Int64] {
    data.queries.withUnsafeBufferPointer { queries in
      let vector = queries.baseAddress! + query * data.dimension
      let prepared = encoder.prepare(vector)
      return rescored(candidates(prepared, vector, candidateCount), vector)
    }
  }

  /// A batch through an index.
  ///
  /// - Parameter candidates: finds that many rows of each query by their codes.
  func search(
    _ range: Range<Int>, candidates: (UnsafePointer<Float>, Int) -> NeighborLists
  ) -> [[Int64]] {
    data.queries.withUnsafeBufferPointer { queries in
      let vectors = queries.baseAddress! + range.lowerBound * data.dimension
      let found = candidates(vectors, candidateCount)
      return (0..<range.count).map { rescored(Array(found[$0]), vectors + $0 * data.dimension) }
    }
  }

  /// A batch, scanned in blocks.
  func search(_ range: Range<Int>, blocks: BlockCodes) -> [[Int64]] {
    data.queries.withUnsafeBufferPointer { queries in
      let vectors = queries.baseAddress! + range.lowerBound * data.dimension
      let found = FlatIndex.search(
        queries: vectors, queryCount: range.count, codes: blocks, k: candidateCount)
      return found.enumerated().map { rescored($1, vectors + $0 * data.dimension) }
    }
  }

  /// A batch, through an index.
  func search(_ range: Range<Int>, _ index: some VectorIndex, breadth: Int) -> [[Int64]] {
    data.queries.withUnsafeBufferPointer { queries in
      let vectors = queries.baseAddress! + range.lowerBound * data.dimension
      let found = index.search(
        IndexQueries(vectors, count: range.count, encoder: encoder), codes: codes.view, live: .all,
        k: candidateCount, breadth: breadth)
      return found.enumerated().map { rescored($1, vectors + $0 * data.dimension) }
    }
  }

  /// Found rows with the standard errors of their estimates.
  func withErrors(_ found: [Neighbor], _ vector: UnsafePointer<Float>) -> [Candidate] {
    let errors = [Float](unsafeUninitializedCapacity: found.count) { errors, count in
      encoder.standardErrors(
        encoder.prepare(vector), codes.view, indices: found.map(\.row), count: found.count,
        into: errors.baseAddress!)
      count = found.count
    }
    return zip(found, errors).map { Candidate(row: Int64($0.row), score: $0.score, error: $1) }
  }

  /// What was rescored, after a run.
  func describe(_ record: inout BenchmarkRecord) {
    switch rescoring {
    case .oversampling(let oversampling): record.oversampling = oversampling
    case .policy(let policy):
      let queries = work.queries.load(ordering: .relaxed)
      let evaluations = Double(work.evaluations.load(ordering: .relaxed)) / Double(max(1, queries))
      record.targetRecall = policy.targetRecall
      record.evaluations = (100 * evaluations).rounded() / 100
      let z = policy.z.map { "z \($0)" } ?? "no z"
      record.note =
        "\(z), \(policy.candidates) candidates, calibrated on \(policy.expectedRecall.queryCount) "
        + (data.trainingQueries.isEmpty
          ? "queries, the first half; measured on the second" : "training queries")
        + (policy.isShown ? "" : ", too few or too hard to show the target")
    }
  }

  private var candidateCount: Int {
    switch rescoring {
    // So that k · (n / k) is n.
    case .oversampling(let oversampling): Int((Double(k) * oversampling - 1e-9).rounded(.up))
    case .policy(let policy): policy.candidateCount(k)
    }
  }

  private func rescored(_ found: [Neighbor], _ vector: UnsafePointer<Float>) -> [Int64] {
    switch rescoring {
    case .oversampling(let oversampling):
      guard oversampling > 1 else { return found.map { Int64($0.row) } }
      let rescored = Rescoring.rescore(
        candidates: found, query: vector, originals: originals.view, dimension: data.dimension,
        metric: data.metric)
      return rescored.prefix(k).map { Int64($0.row) }
    case .policy(let policy):
      let (hits, evaluations) = BoundedRescoring.rescore(
        withErrors(found, vector), policy: policy, k: k, query: vector, dimension: data.dimension,
        metric: data.metric
      ) { originals.view.rows + Int($0) * originals.view.rowStride }
      work.evaluations.add(evaluations, ordering: .relaxed)
      work.queries.add(1, ordering: .relaxed)
      return hits.map(\.row)
    }
  }
}
