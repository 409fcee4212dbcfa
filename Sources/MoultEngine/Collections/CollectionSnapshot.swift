import MoultCompute
import MoultModel
import MoultStorage

/// What a request sees: rows, their liveness and one generation's codes, all of one instant.
///
/// Immutable. A request takes the current snapshot once and keeps it to the end, so its answer never mixes
/// two generations and files stay mapped until the last reader is gone.
struct CollectionSnapshot: Sendable {
  /// In the order of their rows.
  var segments: [SegmentView]
  /// The generation that answers.
  var live: GenerationView
  /// The generation that `rollback` returns to; kept up to date by the writer.
  var previous: GenerationView?
  /// A generation that a switch is finishing; kept up to date by the writer, answers nothing yet.
  var building: GenerationView?

  var liveCount: Int { segments.reduce(0) { $0 + $1.live.liveCount } }
  /// Rows in segments, dead ones included.
  var rowCount: Int { segments.reduce(0) { $0 + $1.count } }

  /// The row behind the last one. Segments that are empty still stand behind rows that are yet to be committed.
  var endRow: Int64 { segments.last { $0.count > 0 }.map { $0.rows.end(count: $0.count) } ?? 0 }

  /// Every generation that writes must reach.
  var openGenerations: [GenerationView] { [live] + [previous, building].compactMap { $0 } }

  /// The segment that holds `row`, as an index of `segments`, and the place in it; by binary search.
  func place(ofRow row: Int64) -> (segment: Int, place: Int)? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].rows.end(count: segments[middle].count) <= row {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < segments.count, let place = segments[low].place(of: row) else { return nil }
    return (low, place)
  }

  /// The full-precision vector of a row; `nil` for one that the snapshot does not have, and for one without a vector.
  func vector(ofRow row: Int64, dimension: Int) -> [Float]? {
    guard let (segment, place) = place(ofRow: row), !segments[segment].isAbsent(place) else { return nil }
    return Array(UnsafeBufferPointer(start: segments[segment].vector(at: place), count: dimension))
  }

  private func graphSource(
    of generation: GenerationView, segment: SegmentView, identity: VectorEncoder
  ) -> (encoder: VectorEncoder, codes: CodeView) {
    GraphSpace.source(
      of: segment, encoder: generation.encoder, codes: codes(of: generation, segment: segment),
      identity: identity)
  }

  /// The guides that graphs of a space have, by segment.
  func guides(in space: GraphSpace) -> [Int64: SegmentGuide] {
    openGenerations.lazy.filter { GraphSpace($0.specification) == space }
      .map { $0.indexes.compactMapValues(\.guide) }
      .reduce(into: [:]) { guides, own in guides.merge(own) { first, _ in first } }
  }

  /// Makes the guides of a generation's graphs that are not there yet.
  func makeGuides(of generation: GenerationView, identity: VectorEncoder, parallel: ParallelFor) {
    for segment in segments {
      guard let guide = generation.indexes[segment.id]?.guide else { continue }
      let source = graphSource(of: generation, segment: segment, identity: identity)
      guide.make(encoder: source.encoder, codes: source.codes, parallel: parallel)
    }
  }

  func codes(of generation: GenerationView, segment: SegmentView) -> CodeView {
    switch generation.codes[segment.id] {
    case .buffer(let buffer): buffer.view(count: segment.count)
    case .file(let codes): codes.file.codeView
    case .vectors: segment.vectors
    case nil: preconditionFailure("generation \(generation.id) has no codes of segment \(segment.id)")
    }
  }
}

/// One segment as a snapshot sees it.
struct SegmentView: Sendable {
  let id: Int64
  let rows: SegmentRows
  /// Rows that this snapshot may read.
  var count: Int
  let capacity: Int
  var live: LiveBitmap
  var storage: VectorSegment

  var firstRow: Int64 { rows.firstRow }

  /// Where the segment has a row of the collection; `nil` if it has not.
  func place(of row: Int64) -> Int? { rows.place(of: row, count: count) }

  /// The full-precision vector at a place.
  func vector(at place: Int) -> UnsafePointer<Float> {
    let view = vectors
    return (view.rows + place * view.rowStride).assumingMemoryBound(to: Float.self)
  }

  /// Whether the row at a place was stored without a vector (of a vector field that not every point has).
  func isAbsent(_ place: Int) -> Bool {
    let view = vectors
    guard let side = view.side else { return false }
    return (side + place * view.sideStride).loadUnaligned(as: Float.self) == CollectionWriter.absentNorm
  }

  /// Marks the rows that were stored without a vector.
  ///
  /// - Complexity: reads the side bytes of all rows.
  mutating func killAbsent() {
    let absent = (0..<count).filter(isAbsent)
    if !absent.isEmpty { live = live.changed(removing: absent) }
  }

  var isSealed: Bool {
    if case .sealed = storage { true } else { false }
  }

  /// Full-precision rows and, as side data, their inverse norms.
  var vectors: CodeView {
    switch storage {
    case .sealed(let file): file.codeView
    case .growing(let growing):
      CodeView(
        rows: growing.rows, rowStride: growing.rowStride, side: growing.side, sideStride: growing.sideStride,
        count: count)
    }
  }
}

/// Where the full-precision vectors of a segment are.
enum VectorSegment: Sendable {
  case growing(GrowingSegment)
  case sealed(SegmentFile)
}

extension SegmentFile {
  var codeView: CodeView {
    CodeView(rows: rows, rowStride: rowStride, side: side, sideStride: sideStride, count: count)
  }
}

/// One generation as a snapshot sees it.
struct GenerationView: Sendable {
  let id: Int64
  let encoder: VectorEncoder
  /// By segment id; complete for every segment of the snapshot.
  var codes: [Int64: SegmentCodes]
  /// By segment id; only sealed segments that have one.
  var indexes: [Int64: SegmentIndex]
  var createdAt: Int64
  var publishedAt: Int64?
  /// Holds the policy by which a generation with a target of recall is searched.
  var report: SwitchReport?
  /// From the catalog: encoder files do not know all of it.
  let specification: EncodingSpecification

  /// Whether a sealed segment of that size has an index in this form, and here has none yet.
  func lacksIndex(of segment: SegmentView) -> Bool {
    indexes[segment.id] == nil && segment.isSealed
      && specification.index.kind(rowCount: segment.count) != .flat
  }

  /// Gives back the memory that only answering searches needs.
  func releaseBlocks() {
    for case .file(let file) in codes.values { file.blocks.release() }
    for case .ivf(_, let listed) in indexes.values.lazy.map(\.content) { listed.release() }
  }

  /// Undoes `releaseBlocks`.
  func wakeBlocks() {
    for case .file(let file) in codes.values { file.blocks.wake() }
    for case .ivf(_, let listed) in indexes.values.lazy.map(\.content) { listed.wake() }
  }

  func info(state: GenerationInfo.State) -> GenerationInfo {
    GenerationInfo(
      id: id, state: state, specification: specification, bytesPerVector: encoder.bytesPerVector,
      createdAt: createdAt, publishedAt: publishedAt, report: report)
  }
}
