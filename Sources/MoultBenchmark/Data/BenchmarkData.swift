internal import Foundation
internal import MoultCompute
internal import MoultFiles
package import MoultModel

/// Vectors, queries and truth of a benchmark, in memory.
package struct BenchmarkData: Sendable {
  package let name: String
  package let metric: Metric
  package let dimension: Int
  package let rowCount: Int
  /// `rowCount × dimension`, row-major.
  package let vectors: [Float]
  package private(set) var queryCount: Int
  /// `queryCount × dimension`, row-major.
  package private(set) var queries: [Float]
  /// For anything that is fitted; rows of `dimension` entries. Empty where no file was given.
  package let trainingQueries: [Float]
  private var truthPath: String?
  /// The query of the truth file that the first query is.
  private var firstQuery = 0

  /// What the vectors take as float32.
  package var vectorBytes: Int { rowCount * dimension * MemoryLayout<Float>.stride }

  /// Queries that are taken from the vectors when no file is given.
  private static let ownQueryCount = 200
  static let seed: UInt64 = 20_240_229

  /// - Parameters:
  ///   - rows: use only the first rows; `nil` takes all.
  ///   - queriesPath: without it the first stored vectors are the queries.
  ///   - truthPath: without it, truth is computed by exact search.
  ///   - trainingQueriesPath: queries that are not measured with, for calibration.
  package init(
    vectorsPath: String, queriesPath: String? = nil, truthPath: String? = nil,
    trainingQueriesPath: String? = nil, metric: Metric, rows: Int? = nil
  ) throws {
    let file = try VectorFile(path: vectorsPath)
    guard file.rowCount > 0 else { throw MoultError(.invalidArgument, "'\(vectorsPath)' holds no vectors") }
    name = Self.name(vectorsPath)
    self.metric = metric
    dimension = file.dimension
    rowCount = min(rows ?? file.rowCount, file.rowCount)
    vectors = try file.readRows(0..<rowCount)
    if let queriesPath {
      queries = try Self.readQueries(queriesPath, dimension: dimension, of: vectorsPath)
      queryCount = queries.count / dimension
    } else {
      queryCount = min(Self.ownQueryCount, rowCount)
      queries = Array(vectors[0..<queryCount * file.dimension])
    }
    trainingQueries =
      try trainingQueriesPath.map { try Self.readQueries($0, dimension: file.dimension, of: vectorsPath) }
      ?? []
    guard truthPath == nil || rowCount == file.rowCount else {
      throw MoultError(
        .invalidArgument,
        "--truth is for all \(file.rowCount) rows and cannot be used with --rows \(rowCount)")
    }
    self.truthPath = truthPath
  }

  private static func readQueries(_ path: String, dimension: Int, of vectorsPath: String) throws -> [Float] {
    let file = try VectorFile(path: path)
    guard file.dimension == dimension else {
      throw MoultError(
        .dimensionMismatch,
        "'\(path)' has \(file.dimension) dimensions, '\(vectorsPath)' has \(dimension)")
    }
    return try file.readRows(0..<file.rowCount)
  }

  /// The same vectors with a part of the queries.
  func with(queries range: Range<Int>) -> BenchmarkData {
    var part = self
    part.queries = Array(queries[range.lowerBound * dimension..<range.upperBound * dimension])
    part.queryCount = range.count
    part.firstQuery = firstQuery + range.lowerBound
    return part
  }

  /// The same vectors with the training queries, whose truth is computed.
  func withTrainingQueries() -> BenchmarkData {
    var other = self
    other.queries = trainingQueries
    other.queryCount = trainingQueries.count / dimension
    other.truthPath = nil
    return other
  }

  /// The vectors, each of them a query too.
  func withRowsAsQueries() -> BenchmarkData {
    var other = self
    other.queries = vectors
    other.queryCount = rowCount
    other.truthPath = nil
    return other
  }

  /// The last two parts of a path.
  static func name(_ path: String) -> String { path.split(separator: "/").suffix(2).joined(separator: "/") }

  /// The true neighbours, from the file or by exact search on all cores.
  package func truth(k: Int) throws -> GroundTruth {
    if let truthPath {
      return try GroundTruth(path: truthPath, k: k, first: firstQuery, queryCount: queryCount)
    }
    let threads = ProcessInfo.processInfo.activeProcessorCount
    let team = ThreadTeam(threads: threads)
    return GroundTruth(neighbours: exact(originals(team), k: k, batch: queryCount, team), k: k)
  }

  /// Full-precision rows with their inverse norms.
  func originals(_ team: ThreadTeam) -> CodeStore {
    let encoder = VectorEncoder.identity(dimension: dimension, metric: metric)
    let store = CodeStore(encoder: encoder, capacity: rowCount)
    vectors.withUnsafeBufferPointer {
      store.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
    }
    return store
  }

  /// Exact search of all queries, `batch` a call.
  func exact(_ originals: CodeStore, k: Int, batch: Int, _ team: ThreadTeam) -> [[Int64]] {
    queries.withUnsafeBufferPointer { queries in
      stride(from: 0, to: queryCount, by: batch).flatMap { first in
        ExactSearch.search(
          queries: queries.baseAddress! + first * dimension, queryCount: min(batch, queryCount - first),
          dimension: dimension, metric: metric, segments: [ExactSegment(codes: originals.view)], k: k,
          parallel: team.parallelFor
        ).map { $0.map(\.row) }
      }
    }
  }

  /// Evenly spaced rows to train on, about as many as a switch takes.
  func sample() -> [Float] {
    let step = max(1, rowCount / max(16_384, 4 * dimension))
    if step == 1 { return vectors }
    let rows = Array(stride(from: 0, to: rowCount, by: step))
    return [Float](unsafeUninitializedCapacity: rows.count * dimension) { target, count in
      vectors.withUnsafeBufferPointer { vectors in
        for (index, row) in rows.enumerated() {
          (target.baseAddress! + index * dimension).initialize(
            from: vectors.baseAddress! + row * dimension, count: dimension)
        }
      }
      count = rows.count * dimension
    }
  }

  /// An encoder trained on `sample()`.
  func train(_ specification: EncodingSpecification) throws -> VectorEncoder {
    try train(specification, on: sample())
  }

  func train(_ specification: EncodingSpecification, on sample: consuming [Float]) throws -> VectorEncoder {
    let count = sample.count / dimension
    return try sample.withUnsafeMutableBufferPointer { buffer throws(MoultError) in
      try VectorEncoder.train(
        specification: specification, dimension: dimension, metric: metric, overwriting: buffer.baseAddress!,
        sampleCount: count, seed: Self.seed)
    }
  }

  /// A record of this data with the figures still to come.
  func record(_ benchmark: String, _ specification: EncodingSpecification, threads: Int) -> BenchmarkRecord {
    BenchmarkRecord(
      benchmark: benchmark, dataset: name, rows: rowCount, dimension: dimension, metric: metric,
      specification: specification, threads: threads)
  }
}
