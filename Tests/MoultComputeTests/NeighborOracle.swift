import MoultModel

@testable import MoultCompute

/// Lists made by comparing everything with everything: the oracle of other sources.
struct ExactNeighbors: GraphNeighborSource {
  let fixture: GraphFixture
  /// Rows that have no neighbours and are nobody's, as rows that are not live.
  var without: Set<UInt32> = []

  func neighbors(
    degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
  ) throws -> GraphNeighbors? {
    .lists(table(degree: degree))
  }

  func table(degree: Int) -> NeighborTable {
    var rows: [UInt32] = []
    var scores: [Float] = []
    var all = [Float](repeating: 0, count: fixture.count)
    for row in 0..<fixture.count {
      let query = fixture.encoder.prepare(row: row, of: fixture.codes)
      fixture.encoder.score(query, fixture.codes, first: 0, count: fixture.count, into: &all)
      var top = TopK(degree)
      for other in 0..<fixture.count
      where other != row && !without.contains(UInt32(other)) && !without.contains(UInt32(row)) {
        top.offer(row: UInt32(other), score: all[other])
      }
      let found = top.sorted()
      let missing = degree - found.count
      rows += found.map(\.row) + [UInt32](repeating: NeighborTable.none, count: missing)
      scores += found.map(\.score) + [Float](repeating: 0, count: missing)
    }
    return NeighborTable(rowCount: fixture.count, degree: degree, rows: rows, scores: scores)
  }
}

/// Which source of neighbours a test asks.
enum NeighborSourceKind: CaseIterable, Sendable {
  case exact, descent

  func source(_ fixture: GraphFixture, parallel: ParallelFor = .serial) -> any GraphNeighborSource {
    switch self {
    case .exact: ExactNeighbors(fixture: fixture)
    case .descent: NeighborDescent(encoder: fixture.encoder, codes: fixture.codes, parallel: parallel)
    }
  }
}

extension NeighborTable {
  /// The part of the neighbours of `truth` that is in the lists.
  func recall(against truth: NeighborTable) -> Double {
    var (found, wanted) = (0, 0)
    for row in 0..<rowCount {
      let expected = truth.rows[row * degree..<row * degree + truth.count(of: row)]
      found += Set(expected).intersection(rows[row * degree..<row * degree + count(of: row)]).count
      wanted += expected.count
    }
    return wanted == 0 ? 1 : Double(found) / Double(wanted)
  }
}
