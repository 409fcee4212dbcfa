public import MoultModel

/// What is near each row of a graph to be, found by a device among the full-precision vectors.
public struct DeviceNeighbors: GraphNeighborSource {
  private let vectors: CodeView
  private let dimension: Int
  private let metric: Metric
  private let use: DeviceUse

  /// - Parameters:
  ///   - vectors: rows of the identity encoder; they must stay, unchanged, while neighbours are looked for.
  ///   - parallel: of the build.
  /// - Returns: `nil` where `parallel` has no device.
  public init?(vectors: CodeView, dimension: Int, metric: Metric, parallel: ParallelFor) {
    guard let use = parallel.device else { return nil }
    self.vectors = vectors
    self.dimension = dimension
    self.metric = metric
    self.use = use
  }

  public var worksBeside: Bool { true }

  public func neighbors(
    degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
  ) throws -> GraphNeighbors? {
    let work = DeviceWork(
      .graph, bytesToDevice: 4 * Double(vectors.count) * Double(dimension),
      bytesFromDevice: Double(vectors.count) * Double(8 * degree + 4 * linkCount),
      operations: Double(vectors.count))
    guard use.takes(work),
      let set = DeviceSet(
        [ExactSegment(codes: vectors)], dimension: dimension, metric: metric, for: .graph, on: use)
    else { return nil }
    let lists = set.neighborLists(degree: degree, seed: seed, isStopped: isCancelled)
    let links = lists.flatMap {
      set.prune($0.neighbors, degree: degree, linkCount: linkCount, isStopped: isCancelled)
    }
    if isCancelled() { throw MoultError(.cancelled, "the build of the graph was cancelled") }
    guard let lists else { return nil }
    let table = NeighborTable(
      rowCount: vectors.count, degree: degree, rows: lists.neighbors, scores: lists.scores)
    return links.map { .links($0, crowded: table.crowded) } ?? .lists(table)
  }
}
