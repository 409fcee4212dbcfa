internal import MoultCompute
internal import MoultModel

/// An inverted file in memory of its own and what its build took.
final class BuiltLists: Sendable {
  let index: IVFIndex
  let buildSeconds: Double
  private let memory: IndexMemory

  private init(_ bytes: [UInt8], buildSeconds: Double) throws {
    memory = IndexMemory(bytes)
    index = try IVFIndex(bytes: memory.bytes)
    self.buildSeconds = buildSeconds
  }

  /// - Parameter lists: `nil` takes the default for so many rows.
  static func build(
    _ data: BenchmarkData, _ originals: CodeStore, lists: Int?, team: ThreadTeam
  ) throws -> BuiltLists {
    var bytes: [UInt8] = []
    let seconds = try Stopwatch.seconds {
      bytes = try IVFIndexBuilder.build(
        vectors: originals.view, dimension: data.dimension, metric: data.metric, listCount: lists, seed: 1,
        parallel: team.parallelFor)
    }
    return try BuiltLists(bytes, buildSeconds: seconds)
  }

  /// What one row takes of the file and of the centroids as they are searched, a byte a dimension; rounded up.
  var bytesPerVector: Int {
    (memory.bytes.count + index.listCount * index.dimension + index.rowCount - 1) / max(1, index.rowCount)
  }
}
