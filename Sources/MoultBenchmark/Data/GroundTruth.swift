internal import MoultCompute
internal import MoultFiles
package import MoultModel

/// The true nearest neighbours of each query: ids, nearest first.
package struct GroundTruth: Sendable {
  package let neighbours: [[Int64]]
  package let k: Int

  package init(neighbours: [[Int64]], k: Int) {
    self.neighbours = neighbours
    self.k = k
  }

  /// Reads the first `k` neighbours of `queryCount` queries from `first` on.
  ///
  /// - Throws: `invalidArgument` when the file has fewer of either.
  package init(path: String, k: Int, first: Int = 0, queryCount: Int) throws {
    let file = try NeighbourFile(path: path)
    guard file.rowCount >= first + queryCount, file.columnCount >= k else {
      throw MoultError(
        .invalidArgument,
        "'\(path)' has \(file.rowCount) × \(file.columnCount) neighbours; expected at least "
          + "\(first + queryCount) queries × \(k) neighbours")
    }
    let values = try file.readRows(first..<first + queryCount)
    neighbours = (0..<queryCount).map { Array(values[$0 * file.columnCount..<$0 * file.columnCount + k]) }
    self.k = k
  }

  /// Recall@k of rows that were found, per query.
  package func recall(of found: [[Int64]]) -> MeasuredRecall {
    Recall.estimate(found: found, truth: neighbours, k: k)
  }

  /// Recall@k of ids that were found; string ids count as not found.
  package func recall(ofIDs found: [[PointID]]) -> MeasuredRecall {
    recall(
      of: found.map { ids in
        ids.map { id in
          switch id {
          case .int64(let value): value
          case .string: -1
          }
        }
      })
  }
}
