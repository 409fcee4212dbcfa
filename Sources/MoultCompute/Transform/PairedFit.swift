internal import MoultModel

/// Cross-validation of linear maps from paired vectors: the covariances that each fold's judge may not see
/// left out, and what maps fitted on them find among vectors they were not fitted on.
struct PairedFit {
  /// Maps of a family, from strong to weak regularization: relative to the inputs' mean variance.
  static let lambdas = [30, 10, 3, 1, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4]
  static let foldCount = 5
  /// Fewer pairs leave nothing to judge by: two a fold.
  static let pairCountMin = 10
  /// The largest dimension of either side: five covariances of 128 MiB.
  static let dimensionMax = 4096
  /// Vectors that recall is measured among, and queries that it is measured with.
  static let judgedRowsMax = 10_000
  static let queriesMax = 1_000

  let sample: PairedSample
  /// Of all pairs.
  let covariance: PairCovariance
  /// Fold `f`: of the pairs outside it.
  let foldCovariances: [PairCovariance]
  /// Per fold the rows that are judged; together at most `judgedRowsMax`.
  let judgedRows: [Range<Int>]

  /// - Throws: `invalidVector` for numbers that are too large, `invalidArgument` when all inputs or
  ///   all outputs are the same vector.
  init(_ sample: PairedSample) throws(MoultError) {
    self.sample = sample
    let centres = PairMoments.centres(of: sample)
    let whole = PairMoments(of: sample, rows: 0..<sample.count, centres: centres)
    covariance = whole.covariance()
    guard covariance.isModerate else {
      throw MoultError(
        .invalidVector, "the sample holds numbers that are too large to fit a transform to")
    }
    guard covariance.meanVariance > 0, covariance.cross.contains(where: { $0 != 0 }) else {
      throw MoultError(
        .invalidArgument,
        "the \(sample.count) sample pairs do not vary together (all vectors of one side are equal, or zero), "
          + "so they say nothing about a transform; sample other vectors")
    }
    foldCovariances = (0..<sample.foldCount).map { fold in
      whole.subtracting(PairMoments(of: sample, rows: sample.rows(ofFold: fold), centres: centres))
        .covariance()
    }
    judgedRows = (0..<sample.foldCount).map { fold in
      sample.rows(ofFold: fold).prefix(PairedFit.judgedRowsMax / sample.foldCount)
    }
  }

  var judgedCount: Int { judgedRows.reduce(0) { $0 + $1.count } }

  /// The judged inputs, each mapped by `maps` of its own fold.
  ///
  /// - Parameter maps: per fold the map that was fitted without it.
  func mapped(by maps: [LinearTransform]) -> [Float] {
    let q = sample.outputDimension
    return [Float](unsafeUninitializedCapacity: judgedCount * q) { buffer, filled in
      buffer.initialize(repeating: 0)
      var done = 0
      for (map, rows) in zip(maps, judgedRows) where !rows.isEmpty {
        sample.input.withUnsafeBufferPointer {
          map.apply(
            $0.baseAddress! + rows.lowerBound * sample.inputDimension, count: rows.count,
            into: buffer.baseAddress! + done * q)
        }
        done += rows.count
      }
      filled = judgedCount * q
    }
  }

  /// The judged rows of one side, contiguous.
  func judged(_ vectors: [Float], dimension: Int) -> [Float] {
    judgedRows.flatMap { vectors[$0.lowerBound * dimension..<$0.upperBound * dimension] }
  }

  /// The neighbours that are the same part of the judged vectors as 10 are of the collection: recall of those
  /// says more about the collection than recall of 10 does.
  func judgedNeighbors(collectionCount: Int) -> Int {
    max(1, min(10, (10 * judgedCount + collectionCount / 2) / collectionCount))
  }

  /// Queries spread evenly over the judged rows.
  var queryRows: [Int] {
    let count = min(judgedCount, PairedFit.queriesMax)
    return (0..<count).map { $0 * judgedCount / count }
  }
}

extension Array where Element == Float {
  /// The named rows, contiguous.
  func rows(_ rows: [Int], dimension: Int) -> [Float] {
    rows.flatMap { self[$0 * dimension..<($0 + 1) * dimension] }
  }
}
