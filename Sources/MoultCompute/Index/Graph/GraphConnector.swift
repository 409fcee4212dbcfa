/// Makes every row of a built graph reachable from the entry point on level 0.
///
/// Blocks are limited, so a row can lose all links that lead to it: rare on ordinary data, the rule among
/// many identical vectors. A search would never find such a row. The connector walks a spanning tree from
/// the entry point. A row outside it is linked from a near row inside it that has room, or in place of
/// a link that the tree does not need; what was reachable stays so.
struct GraphConnector {
  private let construction: GraphConstruction
  private let table: GraphLinkTable
  private let entryPoint: UInt32
  private let rowCount: Int
  private var reached: [Bool]
  /// Whether the link with this number (row · capacity + place) belongs to the tree.
  private var isTreeLink: [Bool]
  /// All rows below it are reached and have only tree links: where to look when no near row has room.
  private var firstWithRoom = 0
  private static let ef = 64

  init(construction: GraphConstruction, entryPoint: UInt32) {
    self.construction = construction
    self.entryPoint = entryPoint
    table = construction.tables[0]
    rowCount = construction.rowCount
    reached = Array(repeating: false, count: rowCount)
    isTreeLink = Array(repeating: false, count: rowCount * table.capacity)
  }

  mutating func connectAll(scratch: GraphScratch) {
    grow(from: entryPoint)
    for row in 0..<UInt32(rowCount) where !reached[Int(row)] {
      attach(row, scratch: scratch)
      grow(from: row)
    }
  }

  /// Adds to the tree what can be reached from `root`.
  private mutating func grow(from root: UInt32) {
    reached[Int(root)] = true
    var queue = [root]
    var head = 0
    while head < queue.count {
      let row = Int(queue[head])
      head += 1
      let links = table.links(of: row)
      for place in 0..<table.count(of: row) where !reached[Int(links[place])] {
        reached[Int(links[place])] = true
        isTreeLink[row * table.capacity + place] = true
        queue.append(links[place])
      }
    }
  }

  private mutating func attach(_ row: UInt32, scratch: GraphScratch) {
    let own = table.links(of: Int(row))
    for place in 0..<table.count(of: Int(row)) where link(own[place], to: row) { return }

    let query = construction.scorer.prepareToWalk(row)
    construction.walk(query, from: entryPoint, level: 0, ef: Self.ef, scratch: scratch)
    for index in 0..<scratch.beam.count {
      if link(GraphKey.row(scratch.beam.keys[index]), to: row) { return }
    }

    // A tree has fewer links than rows, so some reached row has none of its places taken.
    while reached[firstWithRoom], !hasRoom(firstWithRoom) { firstWithRoom += 1 }
    var candidate = firstWithRoom
    while !link(UInt32(candidate), to: row) { candidate += 1 }
  }

  /// Links `from`, if it is reached and has room, to `row`.
  private mutating func link(_ from: UInt32, to row: UInt32) -> Bool {
    guard reached[Int(from)], let place = room(of: Int(from)) else { return false }
    table.replaceLink(at: place, of: Int(from), with: row)
    isTreeLink[Int(from) * table.capacity + place] = true
    return true
  }

  private func hasRoom(_ row: Int) -> Bool { room(of: row) != nil }

  /// A free place of a row, else that of the worst link that the tree does not need.
  private func room(of row: Int) -> Int? {
    let count = table.count(of: row)
    if count < table.capacity { return count }
    return (0..<count).last { !isTreeLink[row * table.capacity + $0] }
  }
}
