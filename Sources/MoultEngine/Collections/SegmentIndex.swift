import MoultCompute
import MoultStorage

/// The index of a sealed segment in one generation, and the file that its bytes are mapped from.
struct SegmentIndex: Sendable {
  enum Content: Sendable {
    case graph(GraphIndex, SegmentGuide)
    /// With the generation's codes in the order of lists.
    case ivf(IVFIndex, RestingCopy<IVFCodes>)
  }

  let content: Content
  let file: SegmentFile

  /// `nil` for what is no graph.
  var guide: SegmentGuide? {
    if case .graph(_, let guide) = content { guide } else { nil }
  }

  var graph: GraphIndex? {
    if case .graph(let graph, _) = content { graph } else { nil }
  }

  var isGraph: Bool { graph != nil }

  var name: String { isGraph ? "hnsw" : "ivf" }

  /// What searches `codes`, which `encoder` wrote.
  ///
  /// - Parameter isFiltered: whether a filter has chosen the live rows.
  func searched(encoder: VectorEncoder, codes: CodeView, isFiltered: Bool) -> any VectorIndex {
    switch content {
    case .graph(let graph, let guide):
      // Guides are coarse: they find the way to what is nearest, not among rows that are all far away, which is what
      // a filter may leave.
      GraphVectorIndex(graph, guide: isFiltered ? nil : guide.value)
    case .ivf(let index, let listed):
      IVFVectorIndex(
        index, listed: listed.value { IVFCodes(index: index, encoder: encoder, codes: codes) })
    }
  }

  // MARK: Breadth

  /// Candidates kept while a graph is searched, where the request does not say.
  private static let defaultEf = 96

  /// How far to look for `count` candidates.
  ///
  /// - Parameters:
  ///   - ef: asked for, of graphs.
  ///   - probes: asked for, of inverted files.
  func breadth(for count: Int, ef: Int?, probes: Int?) -> Int {
    switch content {
    case .graph: max(ef ?? Self.defaultEf, count)
    case .ivf(let index, _): probes ?? index.defaultProbes(for: count)
    }
  }

  private static let scoresPerCandidate = 12.0

  /// Whether so few of `count` rows are live, or let through by a filter, that scoring each of them is the least
  /// work.
  ///
  /// A walk through a graph scores some `scoresPerCandidate` rows for each one that it keeps, and of those only a
  /// part is live. Lists are scanned sixteen rows at a time, eight times as fast as rows picked one by one.
  func isScarce(_ liveCount: Int, of count: Int, breadth: Int) -> Bool {
    switch content {
    case .graph:
      return Double(liveCount) * Double(liveCount) < Self.scoresPerCandidate * Double(breadth) * Double(count)
    case .ivf(let index, _):
      let lists = index.probes(breadth, liveCount: liveCount)
      return 8 * Double(liveCount) < Double(count) * Double(lists) / Double(max(1, index.listCount))
    }
  }
}
