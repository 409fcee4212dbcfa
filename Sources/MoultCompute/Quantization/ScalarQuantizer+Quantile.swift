internal import MoultModel

extension ScalarQuantizer {
  /// Learns a range that covers part `quantile` of the sample's elements instead of all of them.
  ///
  /// A dimension's centre is the middle of what is left of its n values without the
  /// ⌈(1 − `quantile`)/2·(n − 1)⌉ least and as many largest, so that a single far value does not move it. The
  /// codes then reach as far as part `quantile` of all elements of all dimensions lies from its centre: the
  /// least reach that covers ⌈`quantile`·elements⌉. As for the whole range, below `centringCountMin` vectors
  /// all dimensions share one centre, and dimensions that never vary are exact. Of larger samples
  /// `quantileCountMax` vectors are looked at, evenly spaced.
  ///
  /// - Parameters:
  ///   - quantile: 0.5 … 1.
  ///   - sample: `count × dimension`, as the quantizer will see vectors; finite, at least one.
  init(dimension: Int, metric: Metric, quantile: Double, sample: UnsafePointer<Float>, count: Int) {
    precondition(count > 0 && quantile >= 0.5 && quantile <= 1)
    let rowCount = min(count, ScalarQuantizer.quantileCountMax)
    let rows = (0..<rowCount).map { sample + $0 * count / rowCount * dimension }
    func middle(_ values: [Float]) -> Float {
      let sorted = values.sorted()
      let cut = Int(((1 - quantile) / 2 * Double(sorted.count - 1)).rounded(.up))
      return Float((Double(sorted[cut]) + Double(sorted[sorted.count - 1 - cut])) / 2)
    }
    var centre: [Float]
    if count < ScalarQuantizer.centringCountMin {
      let shared = middle(rows.flatMap { UnsafeBufferPointer(start: $0, count: dimension) })
      centre = [Float](repeating: shared, count: dimension)
    } else {
      centre = (0..<dimension).map { j in middle(rows.map { $0[j] }) }
    }
    var distances: [UInt32] = []
    distances.reserveCapacity(rowCount * dimension)
    for row in rows {
      for j in 0..<dimension { distances.append(abs(row[j] - centre[j]).bitPattern) }
    }
    let rank = Int((quantile * Double(distances.count)).rounded(.up))
    let half = Float(bitPattern: Rank.value(rank, of: distances))
    self.init(dimension: dimension, metric: metric, centre: centre, half: Double(half))
  }

  /// Enough that 0.01 % of one dimension's elements is more than one.
  static let quantileCountMax = 16_384
}

enum Rank {
  /// The `rank`-th smallest of `values`, 1 … their count, by two passes of counting.
  static func value(_ rank: Int, of values: [UInt32]) -> UInt32 {
    precondition((1...values.count).contains(rank))
    var counts = [Int](repeating: 0, count: 65_536)
    for value in values { counts[Int(value >> 16)] += 1 }
    var left = rank
    let high = place(&left, counts)
    counts = [Int](repeating: 0, count: 65_536)
    for value in values where value >> 16 == high { counts[Int(value & 0xFFFF)] += 1 }
    return high << 16 | place(&left, counts)
  }

  /// The place at which the running sum reaches `rank`, which becomes the rank within that place.
  private static func place(_ rank: inout Int, _ counts: [Int]) -> UInt32 {
    var index = 0
    while counts[index] < rank {
      rank -= counts[index]
      index += 1
    }
    return UInt32(index)
  }
}
