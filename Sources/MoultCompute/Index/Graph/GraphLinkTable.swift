/// The links of one level while the graph is built: a block per node, of rows and of their scores.
///
/// A block holds its *diverse* links first, then *fillers*, each nearest first. A link is diverse if no
/// nearer diverse link of the block covers it (see `GraphLinkTable.covers`): the selection heuristic of
/// HNSW with α = 1. Fillers are covered links that take what room is left: on real embeddings they buy
/// more recall per beam width than they cost.
///
/// Keeping the two apart makes a new back link cheap. Diverse links are diverse among each other, so only
/// the new one has to be compared, with the query that its insertion has prepared anyway: one gather of
/// scores, where choosing anew would prepare and score each link.
///
/// Not synchronized: the builder locks a node while its block is read or written.
final class GraphLinkTable {
  let capacity: Int
  private let rows: UnsafeMutablePointer<UInt32>
  private let scores: UnsafeMutablePointer<Float>
  private let sizes: UnsafeMutablePointer<Size>

  private struct Size {
    var count: UInt16 = 0
    var diverse: UInt16 = 0
  }

  init(nodeCount: Int, capacity: Int) {
    self.capacity = capacity
    rows = UnsafeMutableRawPointer.allocate(byteCount: max(4, 4 * nodeCount * capacity), alignment: 64)
      .initializeMemory(as: UInt32.self, repeating: GraphFormat.noLink, count: nodeCount * capacity)
    scores = .allocate(capacity: max(1, nodeCount * capacity))
    sizes = .allocate(capacity: max(1, nodeCount))
    sizes.initialize(repeating: Size(), count: nodeCount)
  }

  deinit {
    rows.deallocate()
    scores.deallocate()
    sizes.deallocate()
  }

  @inline(__always)
  func links(of node: Int) -> UnsafeMutablePointer<UInt32> { rows + node &* capacity }

  /// The scores of a node's links.
  @inline(__always)
  func scores(of node: Int) -> UnsafePointer<Float> { UnsafePointer(scores + node &* capacity) }

  /// Asks for the links of a node.
  @inline(__always)
  func fetchLinks(of node: Int) { KernelTable.prefetch(links(of: node), bytes: 4 &* capacity) }

  @inline(__always)
  func count(of node: Int) -> Int { Int(sizes[node].count) }

  /// Whether of two links of a node the nearer one makes the farther one superfluous: the two are nearer
  /// to each other than the farther one is to the node. All three alike counts too: of many identical
  /// vectors a node then keeps one, and the links out of their crowd have a place.
  ///
  /// - Parameters:
  ///   - between: score of the two.
  ///   - nearer: score of the node and the nearer one; `farther` likewise.
  @inline(__always)
  static func covers(_ between: Float, nearer: Float, farther: Float) -> Bool {
    between > farther || (between == farther && farther == nearer)
  }

  /// Sets the links of a node that has none.
  func set(_ selection: GraphSelection, of node: Int) {
    let count = min(capacity, selection.count)
    links(of: node).update(from: selection.rows, count: count)
    (scores + node &* capacity).update(from: selection.scores, count: count)
    sizes[node] = Size(
      count: UInt16(count), diverse: UInt16(min(capacity, selection.diverseCount)))
  }

  /// Sets the links of a node that has none, up to the first `noLink`. Their scores stay unknown, so that nothing can
  /// be added to them; `replaceLink` still may.
  func set(_ given: UnsafeBufferPointer<UInt32>, of node: Int) {
    let target = links(of: node)
    var count = 0
    while count < min(capacity, given.count), given[count] != GraphFormat.noLink {
      target[count] = given[count]
      count += 1
    }
    sizes[node] = Size(count: UInt16(count), diverse: 0)
  }

  /// Appends links that a node does not have, in the place of its last ones where there is no room.
  func replaceLast(of node: Int, with given: UnsafeBufferPointer<UInt32>) {
    let target = links(of: node)
    var count = Int(sizes[node].count)
    let had = UnsafeBufferPointer(start: target, count: count)
    let new = given.filter { !had.contains($0) }
    count = min(count, capacity - new.count)
    for (place, row) in new.enumerated() { target[count + place] = row }
    sizes[node] = Size(count: UInt16(count + new.count), diverse: 0)
  }

  /// Puts a selection before the links of a node, of which those that are in it or find no room are dropped. As with
  /// links that were given, nothing can be added then.
  func put(_ selection: GraphSelection, before node: Int) {
    let target = links(of: node)
    let old = Array(UnsafeBufferPointer(start: target, count: Int(sizes[node].count)))
    var count = min(capacity, selection.count)
    target.update(from: selection.rows, count: count)
    let chosen = UnsafeBufferPointer(start: selection.rows, count: count)
    for row in old where count < capacity && !chosen.contains(row) {
      target[count] = row
      count += 1
    }
    sizes[node] = Size(count: UInt16(count), diverse: 0)
  }

  /// Links `node` to `row`, unless it is linked already or its block is full of better links.
  ///
  /// - Parameters:
  ///   - score: of `row` and the node.
  ///   - query: `row`, prepared.
  func add(
    row: UInt32, score: Float, to node: Int, scorer: GraphScorer, query: GraphScorer.Query,
    workspace: GraphSelection
  ) {
    let blockRows = links(of: node)
    let blockScores = scores + node &* capacity
    let count = Int(sizes[node].count)
    let diverse = Int(sizes[node].diverse)
    for index in 0..<count where blockRows[index] == row { return }

    let key = GraphKey.make(row: row, score: score)
    @inline(__always) func blockKey(_ index: Int) -> UInt64 {
      GraphKey.make(row: blockRows[index], score: blockScores[index])
    }
    let toRow = workspace.distances
    scorer.score(query, indices: blockRows, count: diverse, into: toRow)
    var place = 0
    var rejected = false
    while place < diverse, blockKey(place) > key {
      rejected =
        rejected || Self.covers(toRow[place], nearer: blockScores[place], farther: score)
      place &+= 1
    }

    workspace.removeAll()
    if rejected {
      for index in 0..<diverse { workspace.append(blockRows[index], blockScores[index]) }
      workspace.closeDiverse()
      workspace.merge(
        fillers: (blockRows + diverse, blockScores + diverse, count &- diverse), with: (row, score))
    } else {
      for index in 0..<place { workspace.append(blockRows[index], blockScores[index]) }
      workspace.append(row, score)
      for index in place..<diverse {
        if Self.covers(toRow[index], nearer: score, farther: blockScores[index]) {
          workspace.demote(blockRows[index], blockScores[index])
        } else {
          workspace.append(blockRows[index], blockScores[index])
        }
      }
      workspace.closeDiverse()
      workspace.mergeDemoted(with: (blockRows + diverse, blockScores + diverse, count &- diverse))
    }
    let kept = min(capacity, workspace.count)
    blockRows.update(from: workspace.rows, count: kept)
    blockScores.update(from: workspace.scores, count: kept)
    sizes[node] = Size(
      count: UInt16(kept), diverse: UInt16(min(capacity, workspace.diverseCount)))
  }

  /// Replaces one link, or appends it when `index` is the count. For repairs: order and diversity are
  /// not kept up.
  func replaceLink(at index: Int, of node: Int, with row: UInt32) {
    links(of: node)[index] = row
    sizes[node].count = max(sizes[node].count, UInt16(index + 1))
  }
}
