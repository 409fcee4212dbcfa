/// Which lists of an inverted file a query looks into: the nearest ones, and more of them where few of their rows
/// are live. For one thread.
final class IVFListChoice {
  private let index: IVFIndex
  private let live: LiveRows
  /// Live part of all rows.
  private let liveShare: Double
  /// Live rows of each list, counted when the list is first chosen.
  private var liveCounts: [Int32]

  init(_ index: IVFIndex, live: LiveRows) {
    self.index = index
    self.live = live
    let liveCount = live.count(of: index.rowCount)
    liveShare = index.rowCount == 0 ? 1 : Double(liveCount) / Double(index.rowCount)
    liveCounts = liveCount == index.rowCount ? [] : [Int32](repeating: -1, count: index.listCount)
  }

  /// So many lists hold the nearest live rows as surely as `probes` lists hold the nearest rows of all.
  ///
  /// The nearest of a part s of the rows lie further away, but not 1/s times as many lists: to look into 1/√s times
  /// as many keeps recall where it was.
  static func widened(_ probes: Int, liveShare: Double, listCount: Int) -> Int {
    guard liveShare < 1 else { return min(probes, listCount) }
    let wanted = Double(probes) / max(liveShare, 1e-9).squareRoot()
    return Int(min(Double(listCount), wanted.rounded(.up)))
  }

  /// - Parameters:
  ///   - queries: `count × dimension`.
  ///   - probes: lists a query, were all rows live; at most `listCount`.
  /// - Returns: of each query, nearest first.
  func lists(_ queries: UnsafePointer<Float>, count: Int, probes: Int) -> [[UInt32]] {
    guard !liveCounts.isEmpty, probes < index.listCount else { return nearest(queries, count, probes) }
    let wide = IVFListChoice.widened(probes, liveShare: liveShare, listCount: index.listCount)
    return nearest(queries, count, wide).map { lists in
      // What a filter lets through may lie elsewhere than the query; its nearest rows can then be in any list.
      (isThin(lists) ? nearest(queries, 1, index.listCount)[0] : lists).filter { liveCount(of: $0) > 0 }
    }
  }

  private func nearest(_ queries: UnsafePointer<Float>, _ count: Int, _ probes: Int) -> [[UInt32]] {
    guard let router = index.router, probes < index.listCount else {
      return [[UInt32]](repeating: (0..<UInt32(index.listCount)).map { $0 }, count: count)
    }
    return router.lists(queries, count: count, probes: probes)
  }

  /// Whether surely fewer of the lists' rows are live than of all rows.
  private func isThin(_ lists: [UInt32]) -> Bool {
    let rows = lists.reduce(0) { $0 + index.lists.members(of: Int($1)).count }
    let live = lists.reduce(0) { $0 + liveCount(of: $1) }
    return Double(live) < 0.8 * liveShare * Double(rows)
  }

  private func liveCount(of list: UInt32) -> Int {
    if liveCounts[Int(list)] < 0 {
      liveCounts[Int(list)] = Int32(index.lists.members(of: Int(list)).count { live.contains(Int($0)) })
    }
    return Int(liveCounts[Int(list)])
  }
}
