internal import CMoultKernels

/// What the queries of a chunk have found in a part.
struct CertifiedChunkState {
  var scans: [moult_scan_query]
  var best: [ExactTop]
  /// Scores that `k` rows of other parts reach.
  let floors: [Double]
  /// In the present call: the rows were scored already.
  private(set) var isScored: [Bool]
  private var hitCounts: [UInt8]
  private var isLoose: [Bool]
  /// Float32 could not tell the rows apart either.
  private var isTie: [Bool]
  private var barsAtTop: [Double]
  private var panelCount = 0
  /// The row of the panel that was scored last, the first of equal ones; −1 at first.
  var lastScored: [(row: Int32, score: Double)]

  init(_ chunk: CertifiedQueries.Chunk, firstBars: [Float], reached: [Double], k: Int) {
    let count = chunk.members.count
    scans = chunk.prototypes
    floors = reached
    best = Array(repeating: ExactTop(k), count: count)
    isScored = Array(repeating: false, count: count)
    isLoose = isScored
    isTie = isScored
    hitCounts = Array(repeating: 0, count: count)
    barsAtTop = reached
    lastScored = Array(repeating: (-1, 0), count: count)
    for i in 0..<count { scans[i].bar = max(firstBars[i], chunk.units[i].bar(reached[i])) }
  }

  mutating func raiseBar(_ i: Int, _ unit: CertifiedQueries.Unit) {
    guard best[i].threshold > barsAtTop[i] else { return }
    barsAtTop[i] = best[i].threshold
    scans[i].bar = max(scans[i].bar, unit.bar(best[i].threshold))
  }

  /// The queries with more than `least` of `count` hits that float32 may help; they are marked as scored.
  mutating func countHits(_ hits: UnsafePointer<moult_scan_hit>, count: Int, above least: Int) -> [Int] {
    for h in 0..<count { hitCounts[Int(hits[h].query)] += 1 }
    var loose: [Int] = []
    for i in hitCounts.indices {
      if hitCounts[i] > least && !isTie[i] {
        loose.append(i)
        isScored[i] = true
      }
      hitCounts[i] = 0
    }
    return loose
  }

  mutating func noteLoose(_ i: Int, isTie tied: Bool) {
    isLoose[i] = true
    isTie[i] = tied
  }

  mutating func forgetCall() {
    for i in isScored.indices { isScored[i] = false }
  }

  /// To be called for every panel. Float32 is tried again in every eighth.
  mutating func forgetPanel() {
    panelCount += 1
    for i in isTie.indices {
      if panelCount % 8 == 0 { isTie[i] = false }
      lastScored[i].row = -1
    }
  }

  func looseMembers(_ chunk: CertifiedQueries.Chunk) -> [Int] {
    isLoose.indices.filter { isLoose[$0] }.map { chunk.members[$0] }
  }
}
