internal import MoultModel

/// Finds the lists whose centroids are nearest to a query: first the nearest groups of lists, then the nearest
/// centroids in them.
///
/// Centroids are coded in 8 bits a dimension, a quarter of their memory, and scanned like rows: which of two
/// almost equally near lists comes first decides little. With few lists all groups are looked into.
struct IVFRouter: Sendable {
  private let encoder: VectorEncoder
  private let groups: IVFPartition
  private let groupCodes: BlockCodes
  private let listCodes: IVFCodes

  /// So many centroids are compared for each list wanted, and never fewer than `comparedMin`.
  ///
  /// Groups of embeddings overlap. On MiniLM half of 1,264 centroids cost 0.009 of recall@10 with 32 and 64
  /// probes, which more probes buy for less; of 8,192 centroids two thirds cost 0.002.
  private static let comparedPerProbe = 16
  private static let comparedMin = 4096

  /// - Returns: `nil` without lists.
  init?(lists: IVFPartition, groups: IVFPartition, metric: Metric) throws(MoultError) {
    guard lists.count > 0 else { return nil }
    let encoder = try VectorEncoder.train(
      specification: EncodingSpecification(quantization: .int8), dimension: lists.dimension, metric: metric,
      sample: lists.centroids, sampleCount: lists.count, seed: 0)
    func withCodes<T>(_ partition: IVFPartition, _ body: (CodeView) -> T) -> T {
      withUnsafeTemporaryAllocation(
        byteCount: partition.count * encoder.bytesPerVector + 64, alignment: 64
      ) { memory in
        let rows = memory.baseAddress!
        let sideOffset = (partition.count * encoder.rowBytes + 3) / 4 * 4
        encoder.encode(partition.centroids, count: partition.count, rows: rows, side: rows + sideOffset)
        return body(
          CodeView(
            rows: rows, rowStride: encoder.rowBytes, side: rows + sideOffset, sideStride: encoder.sideBytes,
            count: partition.count))
      }
    }
    guard
      let groupCodes = withCodes(groups, { BlockCodes(encoder: encoder, codes: $0) }),
      let listCodes = withCodes(
        lists, { IVFCodes(groups, encoder: encoder, codes: $0, parallel: .serial) })
    else { preconditionFailure("int8 codes are made of levels") }
    self.encoder = encoder
    self.groups = groups
    self.groupCodes = groupCodes
    self.listCodes = listCodes
  }

  /// The nearest lists of each query, nearest first.
  ///
  /// - Parameters:
  ///   - queries: `count × dimension`.
  ///   - probes: lists a query, fewer than there are.
  func lists(_ queries: UnsafePointer<Float>, count: Int, probes: Int) -> [[UInt32]] {
    let listCount = groups.memberCount
    guard let prepared = BlockQueries(encoder: encoder, queries: queries, count: count) else {
      preconditionFailure("int8 codes are made of levels")
    }
    let wanted = max(IVFRouter.comparedPerProbe * probes, IVFRouter.comparedMin)
    let all = (0..<UInt32(groups.count)).map { $0 }
    var chosen = [[UInt32]](repeating: all, count: count)
    if wanted < listCount {
      // A third more than the mean calls for: groups differ in size.
      let nearest = FlatIndex.search(
        prepared, codes: groupCodes, k: min(groups.count, groups.count * wanted * 4 / (3 * listCount) + 1))
      chosen = nearest.map { $0.map(\.row) }
      for query in 0..<count where covered(by: chosen[query]) < probes { chosen[query] = all }
    }
    let scan = IVFScan(codes: listCodes, live: .all, k: probes, tailDeviations: .infinity)
    return scan.search(prepared.queries, lists: chosen).map { $0.sorted().map(\.row) }
  }

  /// Lists in some groups.
  private func covered(by chosen: [UInt32]) -> Int {
    chosen.reduce(0) { $0 + groups.members(of: Int($1)).count }
  }
}
