/// On which levels each row stands, and in what order rows are inserted.
///
/// Both follow from one number drawn per row: SplitMix64 of the seed and the row, so a row's level does
/// not depend on the order or the number of threads. A row stands on level l if its draw is below
/// 2⁶⁴ · m⁻ˡ, which happens with the probability m⁻ˡ of HNSW and needs no floating point. Rows of upper
/// levels are inserted first, smallest draw first: the entry point is final from the start, and every
/// level is a prefix of the order.
struct GraphLevels {
  /// Every row once, in the order of insertion.
  let order: [UInt32]
  /// `counts[l − 1]` rows, the first of `order`, stand on level l.
  let counts: [Int]

  /// The levels of a graph that is there.
  init(order: [UInt32], counts: [Int]) {
    self.order = order
    self.counts = counts
  }

  init(rowCount: Int, m: Int, seed: UInt64) {
    let threshold = UInt64.max / UInt64(m)
    var upper: [(draw: UInt64, row: UInt32)] = []
    var base: [UInt32] = []
    base.reserveCapacity(rowCount)
    for row in 0..<UInt32(rowCount) {
      let draw = Self.draw(row: row, seed: seed)
      if draw <= threshold {
        upper.append((draw, row))
      } else {
        base.append(row)
      }
    }
    upper.sort { $0 < $1 }

    var counts: [Int] = []
    var limit = threshold
    var count = upper.count
    while count > 0, counts.count < GraphFormat.upperLevelsMax {
      counts.append(count)
      limit /= UInt64(m)
      count = upper.prefix(count).prefix { $0.draw <= limit }.count
    }
    self.counts = counts
    order = upper.map(\.row) + base
  }

  /// The highest level of the row at `position` of the order.
  func level(atPosition position: Int) -> Int {
    var level = 0
    while level < counts.count, position < counts[level] { level += 1 }
    return level
  }

  private static func draw(row: UInt32, seed: UInt64) -> UInt64 {
    var generator = SplitMix64(seed: seed &+ UInt64(row) &* 0x9E37_79B9_7F4A_7C15)
    return generator.next()
  }
}
