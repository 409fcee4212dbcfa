internal import MoultModel

/// The neighbours of all rows on the CPU: the twin of what a device library does, for tests and as its oracle.
///
/// Rows are split again and again by which of two of them they are nearer to, until sets are small, and compared
/// within these; three such trees give each row a list. Then lists are made better out of each other: a neighbour of
/// a neighbour is likely to be one (NN-descent, Dong, Charikar and Li 2011).
///
/// Builds do not use it: 50,000 × 128 took 8.6 s on one thread for the lists and 2.0 s for the graph of them, where
/// inserting the rows took 7.1 s.
///
/// Lists depend on the seed alone, not on the number of threads.
public struct NeighborDescent: GraphNeighborSource {
  private let encoder: VectorEncoder
  private let codes: CodeView
  private let parallel: ParallelFor
  /// Three trees and three rounds find 95 of 100 neighbours and more on WordNet's embeddings; a round less, 93.
  private static let trees = 3
  private static let rounds = 3
  /// Rows that are compared with each other.
  private static let leafMax = 192
  /// Of a row's neighbours so many, and of the rows that it is a neighbour of as many, lend their lists.
  private static let breadth = 16

  /// - Parameter codes: must live as long as this.
  public init(encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor) {
    self.encoder = encoder
    self.codes = codes
    self.parallel = parallel
  }

  public func neighbors(
    degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
  ) throws -> GraphNeighbors? {
    .lists(try table(degree: degree, seed: seed, isCancelled: isCancelled))
  }

  public func table(
    degree: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> NeighborTable {
    let work = DescentLists(
      scorer: GraphScorer(encoder: encoder, codes: codes, isGuided: false, parallel: parallel),
      rowCount: codes.count,
      degree: degree, parallel: parallel, watch: BuildWatch("the neighbour lists", isCancelled: isCancelled))
    for tree in 0..<Self.trees where codes.count > 1 {
      try work.seed(leafMax: Self.leafMax, seed: seed &+ UInt64(tree))
      if codes.count <= Self.leafMax { break }  // everything was compared with everything
    }
    if codes.count > Self.leafMax {
      for _ in 0..<Self.rounds { try work.descend(breadth: Self.breadth) }
    }
    return work.table()
  }
}

/// Lists in the making.
private final class DescentLists: @unchecked Sendable {  // a list is written by one thread at a time
  private let scorer: GraphScorer
  private let rowCount: Int
  private let degree: Int
  private let parallel: ParallelFor
  private let watch: BuildWatch
  private let scratches: GraphScratchPool
  /// `GraphKey`s, nearest first; 0 where there is none.
  private var keys: UnsafeMutablePointer<UInt64>
  private static let chunk = 64

  init(
    scorer: GraphScorer, rowCount: Int, degree: Int, parallel: ParallelFor, watch: BuildWatch
  ) {
    self.scorer = scorer
    self.rowCount = rowCount
    self.degree = degree
    self.parallel = parallel
    self.watch = watch
    scratches = GraphScratchPool(rowCount: rowCount, linkCount: 1024)
    keys = Self.emptyLists(rowCount * degree)
  }

  deinit { keys.deallocate() }

  private static func emptyLists(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, count))
    keys.initialize(repeating: 0, count: count)
    return keys
  }

  func table() -> NeighborTable {
    let keys = keys
    let rows = (0..<rowCount * degree).map { keys[$0] == 0 ? NeighborTable.none : GraphKey.row(keys[$0]) }
    let scores = (0..<rowCount * degree).map { keys[$0] == 0 ? 0 : GraphKey.score(keys[$0]) }
    return NeighborTable(rowCount: rowCount, degree: degree, rows: rows, scores: scores)
  }

  // MARK: Seeding

  /// Compares each row with those of its leaf in a random tree.
  func seed(leafMax: Int, seed: UInt64) throws {
    let leaves = try leaves(leafMax: leafMax, seed: seed)
    parallel.run(leaves.count) { leaf in
      if self.watch.isStopped() { return }
      let members = leaves[leaf]
      self.scratches.withScratch { scratch in
        for row in members {
          let visited = self.restart(row, scratch)
          self.offer(members.filter { !visited.contains($0) }, to: row, scratch)
          self.store(row, scratch, in: self.keys)
        }
      }
    }
    try watch.check()
  }

  /// All rows, in sets of at most `leafMax`.
  private func leaves(leafMax: Int, seed: UInt64) throws -> [[UInt32]] {
    let all = Array(0..<UInt32(rowCount))
    if rowCount <= leafMax { return [all] }
    var whole = [all]
    var done: [[UInt32]] = []
    var depth: UInt64 = 0
    while !whole.isEmpty {
      let sets = whole
      let halves = ResultSlots<([UInt32], [UInt32])>(repeating: ([], []), count: sets.count)
      let levelSeed = seed ^ depth << 40
      parallel.run(sets.count) { set in
        if self.watch.isStopped() { return }
        let random = SplitMix64(seed: levelSeed ^ UInt64(set) &* 0x9E37_79B9_7F4A_7C15)
        halves[set] = self.split(sets[set], random)
      }
      try watch.check()
      whole = []
      for half in halves.values.flatMap({ [$0.0, $0.1] }) {
        if half.count > leafMax { whole.append(half) } else { done.append(half) }
      }
      depth += 1
    }
    return done
  }

  /// Two halves by which of two rows is nearer; by order where that says nothing, as of identical rows.
  private func split(_ rows: [UInt32], _ random: SplitMix64) -> ([UInt32], [UInt32]) {
    var random = random
    let leanings = withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows.count) { scores in
      for half in 0..<2 {
        let pivot = scorer.prepareToWalk(rows[Int.random(in: 0..<rows.count, using: &random)])
        scorer.score(
          pivot, indices: rows, count: rows.count, into: scores.baseAddress! + half * rows.count)
      }
      return (0..<rows.count).map { scores[$0] - scores[rows.count + $0] }
    }
    // Halves of one size: the depth is bounded, and where the two cut unevenly the sets would not be.
    let order = (0..<rows.count).sorted { (leanings[$0], $0) < (leanings[$1], $1) }
    let middle = rows.count / 2
    return (order[..<middle].map { rows[$0] }, order[middle...].map { rows[$0] })
  }

  // MARK: Descending

  /// Offers each row the lists of rows near it.
  func descend(breadth: Int) throws {
    let back = reverse(most: breadth)
    // Each list is written by one thread.
    nonisolated(unsafe) let next = Self.emptyLists(rowCount * degree)
    parallel.run((rowCount + Self.chunk - 1) / Self.chunk) { chunk in
      if self.watch.isStopped() { return }
      self.scratches.withScratch { scratch in
        for row in chunk * Self.chunk..<min((chunk + 1) * Self.chunk, self.rowCount) {
          let visited = self.restart(UInt32(row), scratch)
          var candidates: [UInt32] = []
          func look(_ other: UInt32) {
            if !visited.contains(other) {
              visited.insert(other)
              candidates.append(other)
            }
          }
          let near = self.list(of: row).prefix(breadth).map(GraphKey.row) + back[row]
          for other in back[row] { look(other) }
          for lender in near {
            for key in self.list(of: Int(lender)) { look(GraphKey.row(key)) }
          }
          self.offer(candidates, to: UInt32(row), scratch)
          self.store(UInt32(row), scratch, in: next)
        }
      }
    }
    keys.deallocate()
    keys = next
    try watch.check()
  }

  /// For each row the first few rows that have it among their nearest.
  private func reverse(most: Int) -> [[UInt32]] {
    var back = [[UInt32]](repeating: [], count: rowCount)
    for place in 0..<min(most, degree) {
      for row in 0..<rowCount {
        let key = keys[row * degree + place]
        guard key != 0 else { continue }
        let other = Int(GraphKey.row(key))
        if back[other].count < most { back[other].append(UInt32(row)) }
      }
    }
    return back
  }

  // MARK: One list

  private func list(of row: Int) -> UnsafeBufferPointer<UInt64> {
    var count = 0
    while count < degree, keys[row * degree + count] != 0 { count += 1 }
    return UnsafeBufferPointer(start: keys + row * degree, count: count)
  }

  /// Puts the list of a row into the beam. The row and what is in its list are visited then.
  private func restart(_ row: UInt32, _ scratch: GraphScratch) -> GraphVisited {
    let visited = scratch.startWalk()
    visited.insert(row)
    scratch.beam.reset(ef: degree)
    for key in list(of: Int(row)) {
      visited.insert(GraphKey.row(key))
      scratch.beam.insert(key)
    }
    return visited
  }

  /// Scores rows that were not visited and puts them into the beam.
  private func offer(_ rows: [UInt32], to row: UInt32, _ scratch: GraphScratch) {
    let query = scorer.prepareToWalk(row)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, rows.count)) { scores in
      scorer.score(query, indices: rows, count: rows.count, into: scores.baseAddress!)
      for (other, score) in zip(rows, scores) {
        scratch.beam.insert(GraphKey.make(row: other, score: score))
      }
    }
  }

  private func store(_ row: UInt32, _ scratch: GraphScratch, in lists: UnsafeMutablePointer<UInt64>) {
    for place in 0..<scratch.beam.count { lists[Int(row) * degree + place] = scratch.beam.keys[place] }
  }
}
