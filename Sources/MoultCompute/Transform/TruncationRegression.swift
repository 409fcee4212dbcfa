public import MoultModel

/// The query's side of Matryoshka truncation: documents stay cut off after k entries, and a query is mapped so
/// that its product with what is left of a document is the best linear guess of the whole product
/// (QUANTIZATION.md B3.6). Nothing stored changes.
///
/// With z what is stored of x (the first k entries, renormalized under cosine), E[x | z] ≈ const + Wᵀ·z, so
/// ⟨q, x⟩ ≈ const + ⟨W·q, z⟩, `W = C_zz⁻¹·C_zx`; the constant is the same for every document. Plain truncation
/// is W = [I 0]: the regression is regularized towards that, as much as cross-validation by recall asks for
/// (with few documents the bare formula is worse than plain truncation), and where it is not better by
/// a standard error the result is W = [I 0] itself.
///
/// The fewer documents recall is measured among, the more the regression seems to gain: near neighbours agree
/// in the entries that were cut off too, and a dense collection has nearer ones. (First 128 of MiniLM's 384
/// entries, 20,000 documents to fit: +0.077 among 2,000 documents, +0.014 among 20,000, +0.007 among 40,000.)
/// So the choice is made by the neighbours that are the same part of the sample as 10 are of the collection.
public enum TruncationRegression {
  /// - Parameters:
  ///   - documents: `count × dimension`, whole, as they were before truncation.
  ///   - kept: entries that documents keep, 1 … `dimension`.
  ///   - queries: `queryCount × dimension`, of the kind that will be asked, to choose the regularization by;
  ///     without any, documents stand in for them, and recall comes out higher than on real queries.
  ///   - collectionCount: vectors in the collection that `documents` are a sample of; `nil`: they are all.
  ///   - metric: cosine or inner product.
  ///   - seed: of the folds.
  /// - Returns: the map of queries, `kept × dimension`.
  /// - Throws: `invalidArgument` for fewer than 10 documents, or ones that do not vary; `invalidVector` for
  ///   numbers that are not finite or too large; `unsupported` under squared Euclidean, where a document's
  ///   own length counts, and above 4096 dimensions.
  public static func fit(
    documents: UnsafePointer<Float>, count: Int, dimension: Int, keeping kept: Int,
    queries: UnsafePointer<Float>? = nil, queryCount: Int = 0, collectionCount: Int? = nil, metric: Metric,
    seed: UInt64 = 0, parallel: ParallelFor = .serial
  ) throws(MoultError) -> FittedTransform {
    precondition(kept >= 1 && kept <= dimension && count >= 0)
    guard metric != .squaredEuclidean else {
      throw MoultError(
        .unsupported,
        "a query-side map for truncated documents needs cosine or inner product: under squared Euclidean "
          + "the truncated documents' lengths are wrong, whatever the query; use pca")
    }
    guard dimension <= PairedFit.dimensionMax else {
      throw MoultError(
        .unsupported,
        "a query-side map is fitted up to \(PairedFit.dimensionMax) dimensions, got \(dimension)")
    }
    guard count >= PairedFit.pairCountMin else {
      throw MoultError(
        .invalidArgument,
        "a query-side map needs at least \(PairedFit.pairCountMin) documents in full length, got \(count); "
          + "\(4 * kept) or more are comfortable")
    }
    try PairedSample.requireFinite(documents, count: count, dimension: dimension)
    let prefixes = prefixes(of: documents, count: count, dimension: dimension, kept: kept, metric: metric)
    let whole = PairedSample.normalized(documents, count: count, dimension: dimension, metric: metric)
    let sample = try PairedSample(
      input: prefixes, inputDimension: kept, output: whole, outputDimension: dimension, count: count,
      normalizing: false, foldCount: PairedFit.foldCount, seed: seed)
    var asked: [Float]?
    if let queries, queryCount > 0 {
      try PairedSample.requireFinite(queries, count: queryCount, dimension: dimension)
      let used = (0..<min(queryCount, PairedFit.queriesMax))
      asked = PairedSample.normalized(
        queries, count: queryCount, dimension: dimension, metric: metric
      ).rows(used.map { $0 * queryCount / used.count }, dimension: dimension)
    }
    return try TruncationRegressionFit(
      fit: PairedFit(sample), queries: asked, kept: kept, collectionCount: max(count, collectionCount ?? 0),
      parallel: parallel
    ).run()
  }

  private static func prefixes(
    of vectors: UnsafePointer<Float>, count: Int, dimension: Int, kept: Int, metric: Metric
  ) -> [Float] {
    var prefixes = [Float](repeating: 0, count: count * kept)
    prefixes.withUnsafeMutableBufferPointer { prefixes in
      for i in 0..<count {
        let target = prefixes.baseAddress! + i * kept
        target.update(from: vectors + i * dimension, count: kept)
        if metric == .cosine { VectorNorm.normalize(target, kept, into: target) }
      }
    }
    return prefixes
  }
}

/// One run of `TruncationRegression.fit`. Every document is guessed in full length from its prefix, by the
/// regression of the folds it is not in; what the guesses find tells the regularizations apart.
private struct TruncationRegressionFit {
  let fit: PairedFit
  /// Unit length under cosine; `nil`: documents stand in.
  let queries: [Float]?
  let kept: Int
  let collectionCount: Int
  let parallel: ParallelFor

  private static let direction = TransformDirection(.queries, from: .collection, to: .code)

  func run() throws(MoultError) -> FittedTransform {
    let dimension = fit.sample.outputDimension
    let documents = fit.judged(fit.sample.output, dimension: dimension)
    let own = queries == nil ? fit.queryRows : nil
    let asked = queries ?? documents.rows(fit.queryRows, dimension: dimension)
    let truth = nearest(asked, among: documents, own: own)

    let plainFound = nearest(asked, among: guesses(try maps(lambda: nil) ?? []), own: own)
    let plain = Recall.estimate(found: plainFound, truth: truth, k: 10)
    let judgedNeighbors = fit.judgedNeighbors(collectionCount: collectionCount)
    var best: (lambda: Double?, found: [[Int64]], gain: Double) = (nil, plainFound, 0)
    for lambda in PairedFit.lambdas {
      guard let maps = try maps(lambda: lambda) else { continue }
      let found = nearest(asked, among: guesses(maps), own: own)
      let gain = Recall.pairedDifference(new: found, old: plainFound, truth: truth, k: judgedNeighbors)
      let standardError = (gain.mean - gain.lower) / 1.96
      if gain.mean > max(best.gain, standardError) { best = (lambda, found, gain.mean) }
    }
    guard let weights = try weights(fit.covariance, lambda: best.lambda) else {
      throw MoultError(
        .invalidVector, "the covariance of the truncated documents is singular in float32 however regularized"
      )
    }
    let transform = LinearTransform(
      matrix: weights, inputDimension: dimension, outputDimension: kept, isOrthonormal: best.lambda == nil,
      direction: TruncationRegressionFit.direction)
    var report = TransformReport(
      method: "truncation-regression", sampleCount: fit.sample.count, sampleCountWanted: 4 * kept,
      querySampleCount: queries.map { $0.count / dimension },
      heldOutRecall: Recall.estimate(found: best.found, truth: truth, k: 10), plainRecall: plain,
      recallGain: Recall.pairedDifference(new: best.found, old: plainFound, truth: truth, k: 10),
      conditionNumber: try best.lambda.map { lambda throws(MoultError) in
        try fit.covariance.conditionNumber(lambda * fit.covariance.meanVariance)
      } ?? 1,
      lambda: best.lambda)
    var stored = fit.covariance.input
    report.predictedGainBits = PrincipalComponents.predictedGainBits(
      try BLAS.symmetricEigen(&stored, dimension: kept))
    report.shrinkage = best.lambda.map { $0 / (1 + $0) } ?? 1
    return FittedTransform(transform: transform, report: report)
  }

  /// `kept × dimension`; plain truncation for no λ.
  private func weights(
    _ covariance: PairCovariance, lambda: Double?
  ) throws(MoultError) -> [Float]? {
    guard let lambda else { return truncation(scale: 1) }
    // How much longer prefixes are within documents than as stored, by least squares: so that what the
    // regression is mixed with has its scale.
    let dimension = covariance.outputDimension
    let shared = (0..<kept).reduce(0.0) { $0 + Double(covariance.cross[$1 * dimension + $1]) }
    let scale = max(0, shared / (covariance.meanVariance * Double(kept)))
    return try covariance.ridge(
      lambda * covariance.meanVariance, towards: truncation(scale: Float(scale)))
  }

  /// [scale·I 0].
  private func truncation(scale: Float) -> [Float] {
    let dimension = fit.sample.outputDimension
    var weights = [Float](repeating: 0, count: kept * dimension)
    for i in 0..<kept { weights[i * dimension + i] = scale }
    return weights
  }

  /// Per fold the guess of a whole document, up to a constant, from its prefix.
  private func maps(lambda: Double?) throws(MoultError) -> [LinearTransform]? {
    var maps: [LinearTransform] = []
    for covariance in fit.foldCovariances {
      guard let weights = try weights(covariance, lambda: lambda) else { return nil }
      maps.append(
        covariance.transform(
          weights, isOrthonormal: false, isShifted: false, normalizesInput: false,
          direction: TransformDirection(.documents, from: .code, to: .collection)))
    }
    return maps
  }

  private func guesses(_ maps: [LinearTransform]) -> [Float] { fit.mapped(by: maps) }

  private func nearest(_ queries: [Float], among corpus: [Float], own: [Int]?) -> [[Int64]] {
    let dimension = fit.sample.outputDimension
    return SampleSearch.nearest(
      queries: queries, queryCount: queries.count / dimension, corpus: corpus, count: fit.judgedCount,
      dimension: dimension, metric: .innerProduct, k: 10, excluding: own, parallel: parallel)
  }
}
