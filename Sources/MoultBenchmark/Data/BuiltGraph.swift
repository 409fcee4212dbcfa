internal import Foundation
internal import MoultCompute
internal import MoultModel

/// A graph in memory of its own and what its build took.
final class BuiltGraph: @unchecked Sendable {  // complete before it is shared
  let index: GraphIndex
  /// The code whose scores chose the links; `nil` where a file does not say.
  let builtWith: CodeName?
  /// `nil` for one that was read.
  let buildSeconds: Double?
  /// The code that chose the links anew.
  private(set) var refinedWith: CodeName?
  /// What training and encoding for the build took.
  let encodeSeconds: Double
  private let memory: IndexMemory

  private init(
    _ bytes: [UInt8], builtWith: CodeName?, buildSeconds: Double?, encodeSeconds: Double = 0
  ) throws {
    memory = IndexMemory(bytes)
    self.builtWith = builtWith
    self.buildSeconds = buildSeconds
    self.encodeSeconds = encodeSeconds
    index = try GraphIndex(bytes: memory.bytes)
  }

  var sizeBytes: Int { memory.bytes.count }

  /// - Parameter originals: rows in full precision, from which a device may choose the links; without, the code does.
  static func build(
    _ rows: EncodedRows, _ shape: GraphShape, originals: CodeStore? = nil, team: ThreadTeam
  ) throws -> BuiltGraph {
    let parallel = team.parallelFor
    var bytes: [UInt8] = []
    let seconds = try Stopwatch.seconds {
      bytes = try GraphIndexBuilder.build(
        encoder: rows.encoder, codes: rows.codes.view, m: shape.m, efConstruction: shape.efConstruction,
        seed: 1,
        neighbors: originals.flatMap {
          DeviceNeighbors(
            vectors: $0.view, dimension: rows.encoder.dimension, metric: rows.encoder.metric,
            parallel: parallel)
        }, parallel: parallel)
    }
    return try BuiltGraph(bytes, builtWith: rows.name, buildSeconds: seconds, encodeSeconds: rows.seconds)
  }

  /// The graph with the links that other codes of its rows choose.
  ///
  /// - Parameter breadth: rows that are expanded around each row.
  /// - Returns: the graph, and how long refining took; encoding for it comes on top.
  func refined(
    with rows: EncodedRows, _ shape: GraphShape, breadth: Int?, team: ThreadTeam
  ) throws -> (graph: BuiltGraph, seconds: Double) {
    var bytes: [UInt8] = []
    let seconds = try Stopwatch.seconds {
      bytes = try GraphRefiner.refine(
        index, encoder: rows.encoder, codes: rows.codes.view, efConstruction: shape.efConstruction,
        breadth: breadth ?? GraphRefiner.breadth, parallel: team.parallelFor)
    }
    let graph = try BuiltGraph(
      bytes, builtWith: builtWith, buildSeconds: buildSeconds, encodeSeconds: encodeSeconds)
    graph.refinedWith = rows.name
    return (graph, seconds)
  }

  /// - Throws: `invalidArgument` for a graph of other rows, and what reading and `GraphIndex` throw.
  static func read(_ path: String, rowCount: Int) throws -> BuiltGraph {
    let graph = try BuiltGraph(
      [UInt8](Data(contentsOf: URL(fileURLWithPath: path))), builtWith: nil, buildSeconds: nil)
    guard graph.index.rowCount == rowCount else {
      throw MoultError(
        .invalidArgument,
        "'\(path)' is a graph of \(graph.index.rowCount) rows; expected one of \(rowCount), as the vectors have"
      )
    }
    return graph
  }

  func write(to path: String) throws {
    try Data(memory.bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  /// What one row takes, its share of the upper levels included, rounded up.
  var bytesPerVector: Int { (sizeBytes + index.rowCount - 1) / max(1, index.rowCount) }
}
