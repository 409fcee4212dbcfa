/// What one thread needs to walk a graph: visited marks, the beam, and the list of rows to score.
/// Lent by `GraphScratchPool`, so that a query in steady state allocates nothing here.
final class GraphScratch {
  /// Rows gathered from one node, and their scores; room for a whole block of links.
  let rows: UnsafeMutablePointer<UInt32>
  let scores: UnsafeMutablePointer<Float>
  /// The best rows so far, nearest first.
  var beam: GraphBeam
  /// Rows that are still to be expanded when not every visited row may enter the beam.
  var frontier: GraphFrontier

  /// The query for guides that lead the walk; used again for the next one.
  private var guideQuery: GuideQuery?

  private var settledRows: UnsafeMutablePointer<UInt32>?
  private var settledScores: UnsafeMutablePointer<Float>?
  private var settledCapacity = 0

  private let rowCount: Int
  /// A row is visited if its mark equals the stamp. Bytes keep the marks of 100 000 rows in the L2 cache;
  /// the price is one wipe in 255 walks.
  private let marks: UnsafeMutablePointer<UInt8>
  private var stamp: UInt8 = 0

  init(rowCount: Int, linkCount: Int) {
    self.rowCount = rowCount
    rows = .allocate(capacity: linkCount)
    scores = .allocate(capacity: linkCount)
    marks = .allocate(capacity: max(1, rowCount))
    marks.initialize(repeating: 0, count: max(1, rowCount))
    beam = GraphBeam()
    frontier = GraphFrontier()
  }

  deinit {
    rows.deallocate()
    scores.deallocate()
    settledRows?.deallocate()
    settledScores?.deallocate()
    marks.deallocate()
    beam.deallocate()
    frontier.deallocate()
  }

  /// Scores what the beam holds anew and keeps the `kept` best.
  func settle(
    kept: Int, score: (UnsafePointer<UInt32>, Int, UnsafeMutablePointer<Float>) -> Void
  ) {
    let count = beam.count
    if count > settledCapacity {
      settledRows?.deallocate()
      settledScores?.deallocate()
      settledRows = .allocate(capacity: count)
      settledScores = .allocate(capacity: count)
      settledCapacity = count
    }
    guard let rows = settledRows, let scores = settledScores else { return }
    for index in 0..<count { rows[index] = GraphKey.row(beam.keys[index]) }
    score(rows, count, scores)
    beam.reset(ef: kept)
    for index in 0..<count { beam.insert(GraphKey.make(row: rows[index], score: scores[index])) }
  }

  /// What the beam holds at a place.
  func neighbor(_ index: Int) -> Neighbor {
    Neighbor(row: GraphKey.row(beam.keys[index]), score: GraphKey.score(beam.keys[index]))
  }

  /// `query` prepared for `guide`, until the next one is.
  func prepare(_ query: UnsafePointer<Float>, for guide: GraphGuide) -> GuideQuery {
    let prepared = guideQuery ?? GuideQuery(guide: guide)
    guideQuery = prepared
    guide.prepare(query, into: prepared)
    return prepared
  }

  /// Forgets what was visited and returns the marks of the new walk.
  func startWalk() -> GraphVisited {
    stamp &+= 1
    if stamp == 0 {
      marks.update(repeating: 0, count: rowCount)
      stamp = 1
    }
    return GraphVisited(marks: marks, stamp: stamp)
  }
}
