/// The levels that codes of one width stand for, on a scale on which the coordinates have unit variance.
///
/// A code stands for `unit·level`, `level` a signed byte; ⟨y, w⟩ of codes and an integer query is an integer
/// sum. Rounding the levels to bytes costs nothing: the factors of a vector are computed with them.
struct LevelTable: Sendable {
  let bits: Int
  /// What level 1 stands for.
  let unit: Float
  /// `2^bits` levels, ascending; empty for 8 bits, where the level is code − 128, −127 … 127.
  let levels: [Int8]
  /// `2^bits − 1`, ascending: a coordinate's code is the number of thresholds that it reaches.
  let thresholds: [Float]
  /// Mean squared error of a standard normal coordinate, 0 … 1.
  let distortion: Double

  /// Lloyd–Max: the levels of least squared error for normal coordinates, each the mean of its cell, the
  /// thresholds midway (Max 1960; QUANTIZATION.md B2.4). 8 bits are a uniform grid of 255 steps over ±4.2σ.
  static func lloyd(bits: Int) -> LevelTable { lloydTables[bits]! }

  /// The same for codes of several widths side by side: the fewer bits, the smaller the bytes.
  ///
  /// A query's weights are rounded at one scale for all zones, an error of equal size in each, multiplied by
  /// the level it stands beside. Directions with few bits have small spreads and weights; with large levels
  /// their rounding would be most of the error. Sizes are about those that leave weights alike in all zones,
  /// and such that rounding the levels costs nothing (with 127 everywhere mpnet at 4 bits loses a point of
  /// recall@10).
  static func graded(bits: Int) -> LevelTable { gradedTables[bits]! }

  private static let lloydTables = lloydTables { _ in 127 }
  private static let gradedTables = lloydTables { bits in
    [1: 2, 2: 10, 3: 26, 4: 43, 5: 127, 8: 127][bits]!
  }

  /// - Parameter widest: the byte of the widest level of a width; 127 with 8 bits.
  private static func lloydTables(widest: (Int) -> Float) -> [Int: LevelTable] {
    let positive: [Int: ([Float], Double)] = [
      1: ([0.7978845608], 0.3633802276),
      2: ([0.4527800346, 1.5104176085], 0.1174818478),
      3: ([0.2450941789, 0.7560052812, 1.3439092785, 2.1519457045], 0.0345477608),
      4: (
        [
          0.1283950299, 0.3880482995, 0.6567591185, 0.9423404565, 1.2562311973, 1.618046386, 2.0690172265,
          2.732589571,
        ], 0.0095010080
      ),
      5: (
        [
          0.0658896598, 0.1980518297, 0.3313783058, 0.466699523, 0.604933624, 0.7471357037, 0.8945651174,
          1.0487833199, 1.2118043806, 1.3863403396, 1.5762280786, 1.7872332177, 2.0287283994, 2.3177394042,
          2.6911195774, 3.2607324934,
        ], 0.0025046684
      ),
    ]
    var tables = positive.mapValues { half, distortion in
      let all = half.reversed().map { -$0 } + half
      let bits = all.count.trailingZeroBitCount
      let unit = half.last! / widest(bits)
      return LevelTable(
        bits: bits, unit: unit, levels: all.map { Int8(($0 / unit).rounded()) },
        thresholds: zip(all, all.dropFirst()).map { ($0 + $1) / 2 }, distortion: distortion)
    }
    tables[8] = LevelTable(
      bits: 8, unit: 4.2 / 127, levels: [], thresholds: [], distortion: 9.354551150592538e-05)
    return tables
  }

  /// Extended RaBitQ's grid: levels `2u − (2^bits − 1)`, evenly spaced; a vector's own scale decides what they
  /// stand for (Gao et al. 2024; QUANTIZATION.md B2.5). Unit and distortion are those of the best even grid for
  /// normal coordinates (Max 1960), about what that scale comes to: standard errors need them.
  static func grid(bits: Int) -> LevelTable {
    let (widest, distortion) = grids[bits]!
    let last = (1 << bits) - 1
    return LevelTable(
      bits: bits, unit: widest / Float(last), levels: (0...last).map { Int8(2 * $0 - last) },
      thresholds: (1...last).map { Float(2 * $0 - last - 1) }, distortion: distortion)
  }

  /// Of each width: what the widest level of the best even grid stands for, and the grid's distortion.
  private static let grids: [Int: (widest: Float, distortion: Double)] = [
    1: (0.7978846, 0.36338023), 2: (1.4935300, 0.11884605), 3: (2.0510681, 0.03743966),
    4: (2.5140046, 0.01154288), 5: (2.9161512, 0.00349521),
  ]
}

/// Which levels codes stand for; the numbers are the format's.
enum LevelTableKind: UInt8, Sendable {
  case lloyd = 0
  /// Extended RaBitQ's grid; one width and spread for all.
  case grid = 1
  /// Lloyd–Max with smaller bytes for fewer bits, for codes of several widths.
  case graded = 2

  func table(bits: Int) -> LevelTable {
    switch self {
    case .lloyd: .lloyd(bits: bits)
    case .grid: .grid(bits: bits)
    case .graded: .graded(bits: bits)
    }
  }
}
