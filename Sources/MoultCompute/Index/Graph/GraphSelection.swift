/// A list of links in the making, diverse ones first.
final class GraphSelection {
  private(set) var count = 0
  private(set) var diverseCount = 0
  let rows: UnsafeMutablePointer<UInt32>
  let scores: UnsafeMutablePointer<Float>
  /// Scores between the new row and a block's links.
  let distances: UnsafeMutablePointer<Float>
  private let demotedRows: UnsafeMutablePointer<UInt32>
  private let demotedScores: UnsafeMutablePointer<Float>
  private var demotedCount = 0

  /// - Parameter capacity: the most links that are ever listed.
  init(capacity: Int) {
    rows = .allocate(capacity: capacity)
    scores = .allocate(capacity: capacity)
    distances = .allocate(capacity: capacity)
    demotedRows = .allocate(capacity: capacity)
    demotedScores = .allocate(capacity: capacity)
  }

  deinit {
    rows.deallocate()
    scores.deallocate()
    distances.deallocate()
    demotedRows.deallocate()
    demotedScores.deallocate()
  }

  func removeAll() {
    count = 0
    diverseCount = 0
    demotedCount = 0
  }

  @inline(__always)
  func append(_ row: UInt32, _ score: Float) {
    rows[count] = row
    scores[count] = score
    count &+= 1
  }

  @inline(__always)
  func demote(_ row: UInt32, _ score: Float) {
    demotedRows[demotedCount] = row
    demotedScores[demotedCount] = score
    demotedCount &+= 1
  }

  /// What was appended so far is diverse; what follows are fillers.
  func closeDiverse() {
    diverseCount = count
  }

  typealias Links = (rows: UnsafeMutablePointer<UInt32>, scores: UnsafeMutablePointer<Float>, count: Int)

  /// Appends the fillers and one more link, nearest first.
  func merge(fillers: Links, with link: (row: UInt32, score: Float)) {
    demote(link.row, link.score)
    mergeDemoted(with: fillers)
  }

  /// Appends the demoted links and the fillers, both nearest first, nearest first.
  func mergeDemoted(with fillers: Links) {
    var demoted = 0
    for index in 0..<fillers.count {
      let key = GraphKey.make(row: fillers.rows[index], score: fillers.scores[index])
      while demoted < demotedCount,
        GraphKey.make(row: demotedRows[demoted], score: demotedScores[demoted]) > key
      {
        append(demotedRows[demoted], demotedScores[demoted])
        demoted &+= 1
      }
      append(fillers.rows[index], fillers.scores[index])
    }
    while demoted < demotedCount {
      append(demotedRows[demoted], demotedScores[demoted])
      demoted &+= 1
    }
  }
}
