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
    guard degree <= Self.degreeMax, linkCount <= Self.linksMax, use.takes(work), fits(degree: degree),
      let set = DeviceSet(
        [ExactSegment(codes: vectors)], dimension: dimension, metric: metric, for: .graph, on: use)
    else { return nil }
    let lists = set.neighborLists(degree: degree, seed: seed, isStopped: isCancelled)
      .flatMap { areRows($0.neighbors) ? $0 : nil }
    let links = lists.flatMap {
      set.prune($0.neighbors, degree: degree, linkCount: linkCount, isStopped: isCancelled)
    }
    if isCancelled() { throw MoultError(.cancelled, "the build of the graph was cancelled") }
    guard let lists, links.map(areRows) ?? true else { return nil }
    let table = NeighborTable(
      rowCount: vectors.count, degree: degree, rows: lists.neighbors, scores: lists.scores)
    return links.map { .links($0, crowded: table.crowded) } ?? .lists(table)
  }

  /// What the library does for one graph.
  private static let degreeMax = 480
  private static let linksMax = 512

  /// Whether the device has room for all vectors and their codes in 16 bits beside what `hold` leaves free, a quarter
  /// up to 4 GiB, and for lists: a graph needs all of it, and that is better known before anything is copied.
  private func fits(degree: Int) -> Bool {
    guard let free = use.device.freeBytes(waits: use.isForced) else { return false }
    let held = vectors.count * (4 * (dimension + 3) + 2 * (dimension + 63) + 32)
    // Two generations of lists in keys of eight bytes, longer by a quarter and filled up, and rows that name a row.
    let lists = vectors.count * (2 * 8 * (degree + max(32, degree / 4) + 31) + 256)
    return held <= free - min(free / 4, 4 << 30) && held + lists <= free
  }

  /// Whether what a library gave are numbers of rows: others would lead out of the graph's memory.
  private func areRows(_ numbers: [UInt32]) -> Bool {
    let count = UInt32(vectors.count)
    return numbers.allSatisfy { $0 < count || $0 == NeighborTable.none }
  }
}
