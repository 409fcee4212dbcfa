public import MoultModel

/// Principal components of what queries can see ("LeanVec-Sphering", arXiv:2410.22347; QUANTIZATION.md B3.2).
///
/// With M the second moment of queries, `y = M^½·x` on documents and `M^−½·q` on queries leave every product
/// as it was, and make all directions equally important to queries; the principal components of y are then
/// the right ones to keep: they minimize the mean squared error of the products. That pays where queries
/// are distributed otherwise than documents (another modality, say).
///
/// Scores after it are inner products under cosine too (inputs are normalized by the transform itself): the
/// length of a mapped document means something and must not be normalized away.
public enum QueryAwareTransform {
  /// What may be added to M, in units of its mean eigenvalue: keeps the inverse root of directions that
  /// queries do not use bounded. The more, the closer to plain principal components.
  static let lambdas = [10, 1, 0.1, 0.01]

  /// - Parameters:
  ///   - documents: `documentCount × dimension`; 4·d or more, fewer are shrunk.
  ///   - queries: `queryCount × dimension`; 2·d or more, with fewer M is shrunk towards equal importance, and
  ///     with d/2 or fewer this is plain PCA. The report says how far.
  ///   - kept: directions to keep, 1 … `dimension`.
  ///   - metric: cosine or inner product.
  ///   - seed: chooses the fifth of documents and queries that recall is measured with, and the
  ///     regularization chosen by.
  /// - Throws: `invalidArgument` without documents or queries, or when one of them is all zero;
  ///   `invalidVector` for numbers that are not finite or too large; `unsupported` under squared Euclidean
  ///   and above `PrincipalComponents.dimensionMax`.
  /// - Complexity: O((documentCount + queryCount)·d² + d³) time, five times.
  public static func fit(
    documents: UnsafePointer<Float>, documentCount: Int, queries: UnsafePointer<Float>, queryCount: Int,
    dimension: Int, keeping kept: Int, metric: Metric, seed: UInt64 = 0, parallel: ParallelFor = .serial
  ) throws(MoultError) -> FittedAsymmetricTransform {
    precondition(kept >= 1 && kept <= dimension && documentCount >= 0 && queryCount >= 0)
    guard metric != .squaredEuclidean else {
      throw MoultError(
        .unsupported,
        "a query-aware transform keeps products, not distances: it needs cosine or inner product; use pca")
    }
    guard dimension <= PrincipalComponents.dimensionMax else {
      throw MoultError(
        .unsupported,
        "a learned transform works up to \(PrincipalComponents.dimensionMax) dimensions, got \(dimension)")
    }
    guard documentCount > 0 && queryCount > 0 else {
      throw MoultError(
        .invalidArgument,
        "a query-aware transform learns from documents and queries, got \(documentCount) and \(queryCount); "
          + "\(2 * dimension) queries are wanted; without any use pca")
    }
    try PairedSample.requireFinite(documents, count: documentCount, dimension: dimension)
    try PairedSample.requireFinite(queries, count: queryCount, dimension: dimension)
    var random = SplitMix64(seed: seed)
    let sample = QueryAwareFit(
      documents: shuffled(documents, documentCount, dimension, metric, &random),
      queries: shuffled(queries, queryCount, dimension, metric, &random), dimension: dimension, kept: kept,
      metric: metric)
    let choice = try sample.choose(parallel: parallel)
    let whole = try sample.fit(documentCount: documentCount, queryCount: queryCount, lambda: choice.lambda)
    var report = TransformReport(
      method: "query-aware", sampleCount: documentCount, sampleCountWanted: 4 * dimension,
      querySampleCount: queryCount, conditionNumber: whole.conditionNumber,
      predictedGainBits: PrincipalComponents.predictedGainBits(whole.eigenvalues), lambda: choice.lambda,
      shrinkage: whole.shrinkage)
    if let (found, plain, truth) = choice.judged {
      report.heldOutRecall = Recall.estimate(found: found, truth: truth, k: 10)
      report.plainRecall = Recall.estimate(found: plain, truth: truth, k: 10)
      report.recallGain = Recall.pairedDifference(new: found, old: plain, truth: truth, k: 10)
    }
    return FittedAsymmetricTransform(transform: whole.transform, report: report)
  }

  private static func shuffled(
    _ vectors: UnsafePointer<Float>, _ count: Int, _ dimension: Int, _ metric: Metric,
    _ random: inout SplitMix64
  ) -> [Float] {
    PairedSample.normalized(vectors, count: count, dimension: dimension, metric: metric)
      .rows(Array(0..<count).shuffled(using: &random), dimension: dimension)
  }
}

/// Shuffled samples, of unit length under cosine, and what is fitted to their first vectors.
private struct QueryAwareFit {
  let documents: [Float]
  let queries: [Float]
  let dimension: Int
  let kept: Int
  let metric: Metric

  struct Result {
    var transform: AsymmetricTransform
    var eigenvalues: [Float]
    var conditionNumber: Double
    var shrinkage: Double
  }

  func fit(documentCount: Int, queryCount: Int, lambda: Double) throws(MoultError) -> Result {
    let d = dimension
    let zero = [Double](repeating: 0, count: d)
    var moment = PrincipalComponents.covariance(
      of: queries, count: queryCount, dimension: d, mean: zero, normalizing: false)
    let mean = PrincipalComponents.mean(
      of: documents, count: documentCount, dimension: d, normalizing: false)
    let covariance = PrincipalComponents.covariance(
      of: documents, count: documentCount, dimension: d, mean: mean, normalizing: false)
    let (importance, variance) = (trace(moment) / Double(d), trace(covariance) / Double(d))
    guard importance * variance * Double(d) < 1e36, variance < 1e36, importance < 1e36 else {
      throw MoultError(
        .invalidVector, "the sample holds numbers that are too large to learn a transform from")
    }
    guard importance > 0 else {
      throw MoultError(
        .invalidArgument, "all \(queryCount) sample queries are zero, so they say nothing about a transform")
    }
    let shrinkage = queryCount < 2 * d ? min(1, Double(d) / Double(queryCount) * 0.5) : 0
    let eigenvalues = try BLAS.symmetricEigen(&moment, dimension: d).map {
      (1 - shrinkage) * max(0, Double($0)) + (shrinkage + lambda) * importance
    }
    let root = power(0.5, of: moment, eigenvalues)
    let inverseRoot = power(-0.5, of: moment, eigenvalues)
    let (directions, variances) = try components(
      of: covariance, seenThrough: root, count: documentCount, spread: variance * importance)
    let normalizes = metric == .cosine
    func side(_ side: TransformSide, _ matrix: [Float]) -> LinearTransform {
      LinearTransform(
        matrix: BLAS.product(directions, matrix, rows: kept, columns: d, depth: d), inputDimension: d,
        outputDimension: kept, isOrthonormal: false, normalizesInput: normalizes,
        direction: TransformDirection(side, from: .collection, to: .code))
    }
    return Result(
      transform: AsymmetricTransform(
        documents: side(.documents, root), queries: side(.queries, inverseRoot)),
      eigenvalues: variances, conditionNumber: eigenvalues.last! / eigenvalues.first!, shrinkage: shrinkage)
  }

  /// The leading eigenvectors, one a row, and all eigenvalues, falling, of `root·C·root`.
  private func components(
    of covariance: [Float], seenThrough root: [Float], count: Int, spread: Double
  ) throws(MoultError) -> (directions: [Float], eigenvalues: [Float]) {
    let d = dimension
    var full = covariance
    for i in 0..<d {
      for j in 0..<i { full[i * d + j] = full[j * d + i] }
    }
    let half = BLAS.product(root, full, rows: d, columns: d, depth: d)
    var seen = BLAS.product(half, root, rows: d, columns: d, depth: d)
    let ascending = try BLAS.symmetricEigen(&seen, dimension: d)
    let shrinkage = count < 4 * d ? min(1, Double(d) / Double(count) * 0.5) : 0
    let eigenvalues = ascending.reversed().map { Float((1 - shrinkage) * Double($0) + shrinkage * spread) }
    return (
      PrincipalComponents.leadingRows(of: seen, dimension: d, kept: kept).values, eigenvalues
    )
  }

  /// `V·diag(eigenvalues^exponent)·Vᵀ`, V's columns the eigenvectors.
  private func power(_ exponent: Double, of vectors: [Float], _ eigenvalues: [Double]) -> [Float] {
    let d = dimension
    var scaled = vectors
    let factors = eigenvalues.map { Float(exponent > 0 ? $0.squareRoot() : 1 / $0.squareRoot()) }
    for i in 0..<d {
      for j in 0..<d { scaled[i * d + j] *= factors[j] }
    }
    return BLAS.product(scaled, vectors, rows: d, columns: d, depth: d, transposingB: true)
  }

  private func trace(_ matrix: [Float]) -> Double {
    (0..<dimension).reduce(0.0) { $0 + Double(matrix[$1 * dimension + $1]) }
  }

  struct Choice {
    var lambda: Double
    /// What the held-out queries found by this and by principal components; `nil` where there are none.
    var judged: (found: [[Int64]], plain: [[Int64]], truth: [[Int64]])?
  }

  /// Fits to four fifths, and chooses the regularization with which the other queries find most of their
  /// neighbours among the documents, held-out ones first. Too few vectors are not judged by.
  func choose(parallel: ParallelFor) throws(MoultError) -> Choice {
    let (documentCount, queryCount) = (documents.count / dimension, queries.count / dimension)
    let trained = (documents: documentCount * 4 / 5, queries: queryCount * 4 / 5)
    let asked = min(queryCount - trained.queries, PairedFit.queriesMax)
    guard trained.documents > 0, trained.queries > 0, asked > 0 else {
      return Choice(lambda: QueryAwareTransform.lambdas[0])
    }
    let corpusCount = min(documentCount, PairedFit.judgedRowsMax)
    let corpus = Array(documents.suffix(corpusCount * dimension))
    let heldOut = Array(queries.suffix(asked * dimension))
    func nearest(_ queries: [Float], _ corpus: [Float], dimension: Int) -> [[Int64]] {
      SampleSearch.nearest(
        queries: queries, queryCount: asked, corpus: corpus, count: corpusCount, dimension: dimension,
        metric: .innerProduct, k: 10, parallel: parallel)
    }
    let truth = nearest(heldOut, corpus, dimension: dimension)
    let plain = try PrincipalComponents.fit(
      sample: documents, count: trained.documents, dimension: dimension, keeping: kept, metric: .innerProduct
    ).transform
    let plainFound = nearest(mapped(heldOut, by: plain), mapped(corpus, by: plain), dimension: kept)
    var best: (lambda: Double, found: [[Int64]], recall: Double)?
    for lambda in QueryAwareTransform.lambdas {
      let transform = try fit(
        documentCount: trained.documents, queryCount: trained.queries, lambda: lambda
      ).transform
      let found = nearest(
        mapped(heldOut, by: transform.queries), mapped(corpus, by: transform.documents), dimension: kept)
      let recall = Recall.estimate(found: found, truth: truth, k: 10).mean
      if recall > best?.recall ?? -1 { best = (lambda, found, recall) }
    }
    return Choice(
      lambda: best!.lambda, judged: (found: best!.found, plain: plainFound, truth: truth))
  }

  private func mapped(_ vectors: [Float], by map: LinearTransform) -> [Float] {
    let count = vectors.count / dimension
    var mapped = [Float](repeating: 0, count: count * kept)
    map.apply(vectors, count: count, into: &mapped)
    return mapped
  }
}
