public import MoultModel

/// The rows of a collection whose vectors are most similar to the examples of a search, of those that it is shown.
public struct MultiVectorScan: Sendable {
  /// The vector of one row of the collection.
  public struct Document: Sendable {
    public var row: Int64
    /// `rows × dimension`, row-major; at least one row.
    public var values: [Float]

    public init(row: Int64, values: [Float]) {
      self.row = row
      self.values = values
    }
  }

  private let request: MultiVectorSearch
  private var top: ExactTop

  /// - Precondition: the request has been checked.
  public init(_ request: MultiVectorSearch) {
    self.request = request
    top = ExactTop(request.limit)
  }

  /// - Complexity: O(numbers of documents · rows of examples) time.
  public mutating func take(_ documents: [Document], parallel: ParallelFor = .serial) {
    let scores = ResultSlots<Float>(repeating: .nan, count: documents.count)
    parallel.run(documents.count) { [request] place in
      let similarities = request.examples.map {
        MaxSim.score($0, documents[place].values, dimension: request.dimension, request.similarity)
      }
      scores[place] = request.combination.score(of: similarities.count) { similarities[$0] }
    }
    for (document, score) in zip(documents, scores.values) where !score.isNaN {
      top.offer(.init(score: Double(score), row: document.row))
    }
  }

  /// Best first; of equal scores the smaller row first.
  public func neighbors() -> [GlobalNeighbor] { top.neighbors() }
}
