import MoultTesting

/// The committed sample as one value.
struct WordNetSample {
  static let shared = WordNetSample()

  let dimension = SampleVectors.dimension
  let base = SampleVectors.base()
  let queries = SampleVectors.queries()
  /// The 100 true neighbours of each query, nearest first.
  let truth = SampleVectors.truth()

  /// The queries one by one.
  var queryVectors: [[Float]] {
    stride(from: 0, to: queries.count, by: dimension).map { Array(queries[$0..<$0 + dimension]) }
  }
}
