public import MoultModel

extension PrincipalComponents {
  /// What principal components find that plain truncation to as many entries does not (QUANTIZATION.md B3.4):
  /// fitted again to four fifths of the sample, asked for the neighbours of the others, or of `queries`,
  /// among all. Recall is that of the encoder's floats: under cosine what is kept is renormalized.
  ///
  /// - Parameters:
  ///   - sample: the `count × dimension` vectors that `self` was fitted to, under `metric`.
  ///   - queries: `queryCount × dimension`, of the kind that will be asked, if there are any.
  ///   - seed: chooses the four fifths.
  /// - Returns: a report without recall for a single vector.
  public func report(
    sample: UnsafePointer<Float>, count: Int, queries: UnsafePointer<Float>? = nil, queryCount: Int = 0,
    metric: Metric, seed: UInt64 = 0, parallel: ParallelFor = .serial
  ) throws(MoultError) -> TransformReport {
    let (dimension, kept) = (transform.inputDimension, transform.outputDimension)
    let (most, least) = (Double(eigenvalues.first ?? 0), Double(max(0, eigenvalues.last ?? 0)))
    var report = TransformReport(
      method: "pca", sampleCount: count, sampleCountWanted: 4 * dimension,
      querySampleCount: queries == nil ? nil : queryCount,
      conditionNumber: most > 0 ? most / max(least, most * 0x1p-24) : 1, predictedGainBits: predictedGainBits,
      shrinkage: shrinkage)
    let trained = count * 4 / 5
    guard trained > 0, trained < count else { return report }
    var random = SplitMix64(seed: seed)
    let shuffled = Array(UnsafeBufferPointer(start: sample, count: count * dimension))
      .rows(Array(0..<count).shuffled(using: &random), dimension: dimension)
    let judged = try PrincipalComponents.fit(
      sample: shuffled, count: trained, dimension: dimension, keeping: kept, metric: metric
    ).transform

    let corpusCount = min(count, PairedFit.judgedRowsMax)
    let corpus = Array(shuffled.suffix(corpusCount * dimension))
    var asked = Array(corpus.suffix(min(count - trained, PairedFit.queriesMax) * dimension))
    var own: [Int]?
    if let queries, queryCount > 0 {
      let used = min(queryCount, PairedFit.queriesMax)
      asked = Array(UnsafeBufferPointer(start: queries, count: queryCount * dimension))
        .rows((0..<used).map { $0 * queryCount / used }, dimension: dimension)
    } else {
      own = Array(corpusCount - asked.count / dimension..<corpusCount)
    }
    func nearest(_ queries: [Float], _ corpus: [Float], _ dimension: Int) -> [[Int64]] {
      SampleSearch.nearest(
        queries: queries, queryCount: queries.count / dimension, corpus: corpus, count: corpusCount,
        dimension: dimension, metric: metric, k: 10, excluding: own, parallel: parallel)
    }
    func mapped(_ vectors: [Float]) -> [Float] {
      var mapped = [Float](repeating: 0, count: vectors.count / dimension * kept)
      judged.apply(vectors, count: vectors.count / dimension, into: &mapped)
      return mapped
    }
    func truncated(_ vectors: [Float]) -> [Float] {
      (0..<vectors.count / dimension).flatMap { vectors[$0 * dimension..<$0 * dimension + kept] }
    }
    let truth = nearest(asked, corpus, dimension)
    let found = nearest(mapped(asked), mapped(corpus), kept)
    let plain = nearest(truncated(asked), truncated(corpus), kept)
    report.heldOutRecall = Recall.estimate(found: found, truth: truth, k: 10)
    report.plainRecall = Recall.estimate(found: plain, truth: truth, k: 10)
    report.recallGain = Recall.pairedDifference(new: found, old: plain, truth: truth, k: 10)
    return report
  }
}
