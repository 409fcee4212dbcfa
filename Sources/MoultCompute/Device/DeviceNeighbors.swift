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
    guard degree <= Self.degreeMax, linkCount <= Self.linksMax, use.takes(work(degree, linkCount)),
      let room = room(degree: degree)
    else { return nil }
    let isWhole = room >= vectors.count
    guard isWhole || takesInParts(degree, room: room),
      let set = DeviceSet(
        [ExactSegment(codes: vectors)], dimension: dimension, metric: metric, for: .graph, on: use)
    else { return nil }
    let lists = set.neighborLists(degree: degree, seed: seed, isStopped: isCancelled)
      .flatMap { areRows($0.neighbors) ? $0 : nil }
    // In parts there are lists only, and the builder chooses links: 40 µs a row of a thread's time at 128 dimensions.
    let links =
      isWhole
      ? lists.flatMap {
        set.prune($0.neighbors, degree: degree, linkCount: linkCount, isStopped: isCancelled)
      } : nil
    if isCancelled() { throw MoultError(.cancelled, "the build of the graph was cancelled") }
    guard let lists, links.map(areRows) ?? true else { return nil }
    let table = NeighborTable(
      rowCount: vectors.count, degree: degree, rows: lists.neighbors, scores: lists.scores)
    return links.map { .links($0, crowded: table.crowded) } ?? .lists(table)
  }

  /// What the library does for one graph.
  private static let degreeMax = 480
  private static let linksMax = 512

  /// Parts in which a graph's vectors are worked on at most. The library does up to 32, and finds less memory free than
  /// was asked for here.
  private static let partsMax = 24
  /// What is near every row, each row in so many parts.
  private func work(_ degree: Int, _ linkCount: Int, copies: Int = 1) -> DeviceWork {
    let rows = Double(vectors.count * copies)
    // In parts all rows cross the link once more: to be put into parts.
    let sent = copies == 1 ? rows : rows + Double(vectors.count)
    return DeviceWork(
      .graph, bytesToDevice: 4 * sent * Double(dimension),
      bytesFromDevice: rows * Double(8 * degree) + Double(vectors.count * 4 * linkCount), operations: rows)
  }

  /// Whether vectors that do not fit go to the device, so many at a time.
  private func takesInParts(_ degree: Int, room: Int) -> Bool {
    room >= max(8 * (degree + 1), vectors.count / Self.partsMax)
      && use.takes(work(degree, 0, copies: Self.copies(parts: (vectors.count + room - 1) / room)))
  }

  /// A row is in so many parts, rather more than it is in the mean (kernels/cuda/graph_parts.h).
  private static func copies(parts: Int) -> Int {
    switch parts {
    case ...3: 3
    case ...6: 4
    default: 5
    }
  }

  /// How many vectors the device has room for with their lists: all of them, or a part at a time. That is better known
  /// before anything is copied. `nil`: the device is used by others, or lost.
  ///
  /// As the library reckons: floats, two generations of lists in keys of eight bytes, longer by a quarter and filled
  /// up, and 256 bytes that name a row or stand beside it for a while. What a scan takes is left: for 65,536 rows at a
  /// time codes in 16 bits and 512 keys; with little memory fewer, 128 at least, beside codes of 512.
  private func room(degree: Int) -> Int? {
    guard let free = use.device.freeBytes(waits: use.isForced) else { return nil }
    let usable = free - min(free / 8, 256 << 20)
    let codeBytes = 2 * ((dimension + 63) / 64 * 64)
    let scan = max(
      128 * (codeBytes + 4096) + 512 * codeBytes, min(usable / 4, 65_536 * (codeBytes + 4096)))
    let listPlaces = (degree + max(32, degree / 4) + 31) / 32 * 32
    return max(0, usable - scan) / (4 * (dimension + 3) + 2 * 8 * listPlaces + 256)
  }

  /// Whether what a library gave are numbers of rows: others would lead out of the graph's memory.
  private func areRows(_ numbers: [UInt32]) -> Bool {
    let count = UInt32(vectors.count)
    return numbers.allSatisfy { $0 < count || $0 == NeighborTable.none }
  }
}
