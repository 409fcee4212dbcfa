public import MoultModel

/// Fits an affine map from one embedding model's space into another's to texts embedded with both.
///
/// Whoever maps queries fits on pairs of queries, or of documents and queries: maps between models differ
/// with the kind of text.
public enum ModelMapping {
  /// - Parameters:
  ///   - source: `count × sourceDimension`, embedded with the model whose vectors will be mapped.
  ///   - target: `count × targetDimension`, the same texts in the space mapped to.
  ///   - rank: of the map for `lowRank`, 1 … the smaller dimension; `nil` lets cross-validation choose.
  ///   - metric: of the search. Under cosine the map works on, and is fitted to, unit vectors.
  ///   - direction: whose vectors are mapped, and between which spaces. Recall is measured accordingly:
  ///     mapped queries among true documents, or true queries among mapped documents.
  ///   - seed: of the folds.
  /// - Throws: `invalidArgument` for fewer than 10 pairs, or pairs that do not vary; `invalidVector` for
  ///   numbers that are not finite or too large; `unsupported` above 4096 dimensions.
  /// - Complexity: O(count·d² + 50·d³) time; a copy of the sample, five covariances, and up to 10,000 mapped
  ///   vectors of memory.
  public static func fit(
    source: UnsafePointer<Float>, sourceDimension: Int, target: UnsafePointer<Float>, targetDimension: Int,
    count: Int, method: ModelMappingMethod = .default, rank: Int? = nil, metric: Metric,
    direction: TransformDirection, seed: UInt64 = 0,
    parallel: ParallelFor = .serial
  ) throws(MoultError) -> FittedTransform {
    precondition(sourceDimension > 0 && targetDimension > 0 && count >= 0)
    guard max(sourceDimension, targetDimension) <= PairedFit.dimensionMax else {
      throw MoultError(
        .unsupported,
        "a map between models is fitted up to \(PairedFit.dimensionMax) dimensions, these have "
          + "\(sourceDimension) and \(targetDimension)")
    }
    guard count >= PairedFit.pairCountMin else {
      throw MoultError(
        .invalidArgument,
        "a map between models needs at least \(PairedFit.pairCountMin) texts embedded with both, got \(count); "
          + "\(wantedCount(method, sourceDimension)) or more are comfortable")
    }
    let smaller = min(sourceDimension, targetDimension)
    guard rank == nil || (method == .lowRank && (1...smaller).contains(rank ?? 0)) else {
      throw MoultError(
        .invalidArgument,
        "a rank, 1 to \(smaller), is for method 'low-rank'; got \(rank ?? 0) with '\(method.rawValue)'")
    }
    let isUnit = metric == .cosine
    let sample = try PairedSample(
      input: source, inputDimension: sourceDimension, output: target, outputDimension: targetDimension,
      count: count, normalizing: isUnit, foldCount: PairedFit.foldCount, seed: seed)
    return try ModelMappingFit(
      fit: PairedFit(sample), method: method, rank: rank, metric: metric, direction: direction,
      parallel: parallel
    ).run()
  }

  /// Pairs from which on more change little: 2·d for Procrustes, 4·d for the others (B3.7).
  static func wantedCount(_ method: ModelMappingMethod, _ dimension: Int) -> Int {
    switch method {
    case .procrustes, .scaledProcrustes: 2 * dimension
    case .ridge, .ridgeTowardProcrustes, .lowRank: 4 * dimension
    }
  }
}

/// One run of `ModelMapping.fit`.
struct ModelMappingFit {
  let fit: PairedFit
  let method: ModelMappingMethod
  let rank: Int?
  let metric: Metric
  let direction: TransformDirection
  let parallel: ParallelFor

  /// A map to try.
  private struct Candidate {
    var lambda: Double?
    var rank: Int?
  }

  /// Recall is compared on these: each a judged row, its neighbours by the true vectors known.
  private struct Judge {
    let queries: [Int]
    let outputs: [Float]
    let truth: [[Int64]]
  }

  func run() throws(MoultError) -> FittedTransform {
    let judge = judge()
    var priors: [[Float]?] = []
    for covariance in fit.foldCovariances { priors.append(try prior(covariance)) }
    var best: (candidate: Candidate, found: [[Int64]], recall: Double)?
    func consider(_ candidates: [Candidate]) throws(MoultError) {
      for candidate in candidates {
        guard let maps = try foldMaps(candidate, priors) else { continue }
        let found = search(judge, mapped: fit.mapped(by: maps))
        let recall = Recall.estimate(found: found, truth: judge.truth, k: 10).mean
        // The first of equals: the more regularized.
        if recall > best?.recall ?? -1 { best = (candidate, found, recall) }
      }
    }
    switch method {
    case .procrustes, .scaledProcrustes: try consider([Candidate()])
    case .ridge, .ridgeTowardProcrustes: try consider(PairedFit.lambdas.map { Candidate(lambda: $0) })
    case .lowRank:
      try consider(PairedFit.lambdas.map { Candidate(lambda: $0, rank: rank) })
      if rank == nil, let lambda = best?.candidate.lambda {
        try consider(reducedRanks.map { Candidate(lambda: lambda, rank: $0) })
      }
    }
    guard let best,
      let weights = try weights(fit.covariance, best.candidate, try prior(fit.covariance))
    else {
      throw MoultError(
        .invalidVector,
        "no map could be fitted to the sample: its covariance is singular in float32 however regularized")
    }
    var report = try report(best.candidate, found: best.found, judge)
    var mapped = fit.covariance.mapped(by: weights)
    report.predictedGainBits = PrincipalComponents.predictedGainBits(
      try BLAS.symmetricEigen(&mapped, dimension: fit.sample.outputDimension))
    return FittedTransform(transform: map(fit.covariance, weights), report: report)
  }

  // MARK: Maps

  private var reducedRanks: [Int] {
    let full = min(fit.sample.inputDimension, fit.sample.outputDimension)
    return [8, 4, 2].map { max(1, full / $0) } + [max(1, full * 3 / 4)]
  }

  private func prior(_ covariance: PairCovariance) throws(MoultError) -> [Float]? {
    switch method {
    case .ridge, .lowRank: return nil
    case .procrustes, .scaledProcrustes, .ridgeTowardProcrustes:
      let (map, scale) = try covariance.procrustes()
      let isScaled =
        method == .scaledProcrustes || (method == .ridgeTowardProcrustes && metric != .cosine)
      return isScaled ? map.map { Float(Double($0) * scale) } : map
    }
  }

  private func foldMaps(
    _ candidate: Candidate, _ priors: [[Float]?]
  ) throws(MoultError) -> [LinearTransform]? {
    var maps: [LinearTransform] = []
    for (covariance, prior) in zip(fit.foldCovariances, priors) {
      guard let weights = try weights(covariance, candidate, prior) else { return nil }
      maps.append(map(covariance, weights))
    }
    return maps
  }

  /// `nil` where the system is singular in float32.
  private func weights(
    _ covariance: PairCovariance, _ candidate: Candidate, _ prior: [Float]?
  ) throws(MoultError) -> [Float]? {
    var weights = prior
    if let lambda = candidate.lambda {
      weights = try covariance.ridge(lambda * covariance.meanVariance, towards: prior)
    }
    if let rank = candidate.rank, let full = weights { return try covariance.reduced(full, rank: rank) }
    return weights
  }

  private func map(_ covariance: PairCovariance, _ weights: [Float]) -> LinearTransform {
    covariance.transform(
      weights, isOrthonormal: method == .procrustes, isShifted: true, normalizesInput: metric == .cosine,
      direction: direction)
  }

  // MARK: Recall

  private func judge() -> Judge {
    let outputs = fit.judged(fit.sample.output, dimension: fit.sample.outputDimension)
    let queries = fit.queryRows
    let truth = nearest(
      outputs.rows(queries, dimension: fit.sample.outputDimension), own: queries, among: outputs)
    return Judge(queries: queries, outputs: outputs, truth: truth)
  }

  private func search(_ judge: Judge, mapped: [Float]) -> [[Int64]] {
    let q = fit.sample.outputDimension
    return direction.side == .documents
      ? nearest(judge.outputs.rows(judge.queries, dimension: q), own: judge.queries, among: mapped)
      : nearest(mapped.rows(judge.queries, dimension: q), own: judge.queries, among: judge.outputs)
  }

  private func nearest(_ queries: [Float], own: [Int], among corpus: [Float]) -> [[Int64]] {
    SampleSearch.nearest(
      queries: queries, queryCount: own.count, corpus: corpus, count: fit.judgedCount,
      dimension: fit.sample.outputDimension, metric: metric, k: 10, excluding: own, parallel: parallel)
  }

  private func report(
    _ candidate: Candidate, found: [[Int64]], _ judge: Judge
  ) throws(MoultError) -> TransformReport {
    let (p, q) = (fit.sample.inputDimension, fit.sample.outputDimension)
    var report = TransformReport(
      method: method.rawValue, sampleCount: fit.sample.count,
      sampleCountWanted: ModelMapping.wantedCount(method, p),
      heldOutRecall: Recall.estimate(found: found, truth: judge.truth, k: 10),
      conditionNumber: try candidate.lambda.map { lambda throws(MoultError) in
        try fit.covariance.conditionNumber(lambda * fit.covariance.meanVariance)
      } ?? 1,
      lambda: candidate.lambda, rank: candidate.rank)
    if let lambda = candidate.lambda { report.shrinkage = lambda / (1 + lambda) }
    if p == q {
      let plain = search(judge, mapped: fit.judged(fit.sample.input, dimension: p))
      report.plainRecall = Recall.estimate(found: plain, truth: judge.truth, k: 10)
      report.recallGain = Recall.pairedDifference(new: found, old: plain, truth: judge.truth, k: 10)
    }
    return report
  }
}
