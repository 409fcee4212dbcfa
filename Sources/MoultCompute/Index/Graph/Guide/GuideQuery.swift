/// A query in the form that scores guides: an int8 weight for each cell.
///
/// A score is `factor·(scale·Σ weight·cell + offset) + additive`, factor and additive from the guide.
/// Written while it is made, and when `GraphGuide` prepares another query in its place.
public final class GuideQuery: @unchecked Sendable {
  private(set) var guide: GraphGuide
  /// 64-byte aligned, as `moult_guide_query` says. Room for guides of any layout.
  let weights: UnsafeMutablePointer<Int8>
  var scale: Float = 0
  var offset: Float = 0

  var lines: Int { guide.layout.lines }

  init(guide: GraphGuide) {
    self.guide = guide
    weights = UnsafeMutableRawPointer.allocate(byteCount: Self.bytesMax, alignment: 64)
      .initializeMemory(as: Int8.self, repeating: 0, count: Self.bytesMax)
  }

  private static let bytesMax = 2 * GuideLayout.planes * GuideLayout.lineBytes

  /// Forgets the query, for one of another guide perhaps.
  func reset(to guide: GraphGuide) {
    if guide !== self.guide {
      self.guide = guide
      weights.update(repeating: 0, count: Self.bytesMax)
    }
    scale = 0
    offset = 0
  }

  deinit {
    weights.deallocate()
  }

  @inline(__always)
  func score(indices: UnsafePointer<UInt32>, count: Int, into scores: UnsafeMutablePointer<Float>) {
    KernelTable.best.scoreGuides(self, guide.records, indices: indices, count: count, into: scores)
  }
}
