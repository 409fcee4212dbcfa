/// A query in the form that scores guides: an int8 weight for each cell.
///
/// A score is `factor·(scale·Σ weight·cell + offset) + additive`, factor and additive from the guide.
/// Written while it is made, never after.
public final class GuideQuery: @unchecked Sendable {
  let guide: GraphGuide
  /// 64-byte aligned, as `moult_guide_query` says.
  let weights: UnsafeMutablePointer<Int8>
  var scale: Float = 0
  var offset: Float = 0

  var lines: Int { guide.layout.lines }

  init(guide: GraphGuide) {
    self.guide = guide
    let bytes = guide.layout.lines * GuideLayout.planes * GuideLayout.lineBytes
    weights = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      .initializeMemory(as: Int8.self, repeating: 0, count: bytes)
  }

  deinit {
    weights.deallocate()
  }

  @inline(__always)
  func score(indices: UnsafePointer<UInt32>, count: Int, into scores: UnsafeMutablePointer<Float>) {
    KernelTable.best.scoreGuides(self, guide.records, indices: indices, count: count, into: scores)
  }
}
