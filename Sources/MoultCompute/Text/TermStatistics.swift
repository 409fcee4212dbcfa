internal import Foundation

/// In how many rows each term stands, and how long rows are: what BM25 has to know of the collection as a whole.
///
/// Kept up by `add` and `remove` of each row's term counts; several parts of a collection are merged by `add`.
public struct TermStatistics: Sendable, Equatable {
  /// Rows that were added and not removed, those without terms included.
  public private(set) var rowCount = 0
  /// Terms in all rows, each as often as it stands there.
  public private(set) var termCount = 0.0
  private var rowsByDimension: [UInt32: Int] = [:]

  public init() {}

  /// Rows in which a term stands.
  public func rowCount(of dimension: UInt32) -> Int { rowsByDimension[dimension] ?? 0 }

  /// Terms in a row on average; 1 when there are none, so that nothing is divided by 0.
  public var averageLength: Double {
    rowCount > 0 && termCount > 0 ? termCount / Double(rowCount) : 1
  }

  /// - Parameter counts: of a row, from ``TermVector/counts(of:)``.
  public mutating func add(_ counts: SparseVector) {
    rowCount += 1
    termCount += counts.values.reduce(0) { $0 + Double($1) }
    for dimension in counts.indices { rowsByDimension[dimension, default: 0] += 1 }
  }

  /// Adds a row, but remembers of the row no other dimensions than these.
  public mutating func add(_ counts: SparseVector, only dimensions: Set<UInt32>) {
    rowCount += 1
    termCount += counts.values.reduce(0) { $0 + Double($1) }
    for dimension in counts.indices where dimensions.contains(dimension) {
      rowsByDimension[dimension, default: 0] += 1
    }
  }

  /// Takes back what `add` of the same counts did.
  ///
  /// - Precondition: they were added and not yet removed.
  public mutating func remove(_ counts: SparseVector) {
    precondition(rowCount > 0)
    rowCount -= 1
    termCount -= counts.values.reduce(0) { $0 + Double($1) }
    for dimension in counts.indices {
      let rows = rowsByDimension[dimension] ?? 0
      precondition(rows > 0, "the term \(dimension) was not added")
      rowsByDimension[dimension] = rows > 1 ? rows - 1 : nil
    }
  }

  public mutating func add(_ other: TermStatistics) {
    rowCount += other.rowCount
    termCount += other.termCount
    rowsByDimension.merge(other.rowsByDimension, uniquingKeysWith: +)
  }

  /// How much a term tells: `ln(1 + (N − n + ½) / (n + ½))` for n of N rows, always above 0.
  public func weight(of dimension: UInt32) -> Double {
    let n = Double(rowCount(of: dimension))
    return log(1 + (Double(rowCount) - n + 0.5) / (n + 0.5))
  }

  /// A query of these terms: each term's weight times how often it is asked for. To be searched with
  /// `SparseScoring.bm25` and this ``averageLength``.
  public func query(_ counts: SparseVector) -> SparseVector {
    SparseVector(
      checked: counts.indices,
      zip(counts.indices, counts.values).map { Float(weight(of: $0) * Double($1)) })
  }
}
