/// What level 0 of a graph is made of where rows are not inserted one by one: what is near each row, found for all
/// rows at once.
public enum GraphNeighbors: Sendable {
  /// Lists from which the builder chooses links.
  case lists(NeighborTable)
  /// Links that are chosen already: `2m` for each row, filled up with 2³² − 1.
  ///
  /// `crowded` are the rows whose lists held only equally near rows, see `NeighborTable.crowded`.
  case links([UInt32], crowded: [UInt32])
}

/// The near rows of every row: a kNN graph, mostly an approximate one.
public struct NeighborTable: Sendable {
  /// Fills up a list that has fewer.
  public static let none = UInt32.max

  public let rowCount: Int
  /// Places of a list.
  public let degree: Int
  /// `rowCount × degree`, nearest first, without the row itself and without doubles.
  public let rows: [UInt32]
  /// Of the row and each of its neighbours; any number where there is none. Higher is nearer.
  public let scores: [Float]

  /// - Precondition: numbers are rows or `none`, and `none` only ends a list.
  public init(rowCount: Int, degree: Int, rows: [UInt32], scores: [Float]) {
    precondition(degree >= 1 && rows.count == rowCount * degree && scores.count == rows.count)
    self.rowCount = rowCount
    self.degree = degree
    self.rows = rows
    self.scores = scores
  }

  /// Rows with a full list of equally near ones, as where more rows are identical than a list holds: it says nothing
  /// of what lies behind them.
  public var crowded: [UInt32] {
    (0..<UInt32(rowCount)).filter { row in
      let first = Int(row) * degree
      let last = first + degree - 1
      return rows[last] != Self.none && scores[first] == scores[last]
    }
  }

  func count(of row: Int) -> Int {
    var count = 0
    while count < degree, rows[row * degree + count] != Self.none { count += 1 }
    return count
  }
}

/// Finds what is near each row of a graph to be.
public protocol GraphNeighborSource: Sendable {
  /// Whether it leaves the threads of a build alone, so that they can work meanwhile.
  var worksBeside: Bool { get }

  /// - Parameters:
  ///   - degree: places of a list.
  ///   - linkCount: links of a row on level 0.
  ///   - isCancelled: asked now and then, on any thread.
  /// - Returns: of all rows; `nil` where that cannot be done here and now, so that rows are to be inserted.
  /// - Throws: `cancelled`.
  func neighbors(
    degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
  ) throws -> GraphNeighbors?
}

extension GraphNeighborSource {
  public var worksBeside: Bool { false }
}
