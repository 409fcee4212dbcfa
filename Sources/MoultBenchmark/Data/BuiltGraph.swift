internal import Foundation
internal import MoultCompute
internal import MoultModel

/// A graph in memory of its own and what its build took.
final class BuiltGraph: @unchecked Sendable {  // the bytes are not written any more
  let index: GraphIndex
  /// The code whose scores chose the links; `nil` where a file does not say.
  let builtWith: CodeName?
  /// `nil` for one that was read.
  let buildSeconds: Double?
  /// The code that chose the links anew.
  private(set) var refinedWith: CodeName?
  /// What training and encoding for the build took.
  let encodeSeconds: Double
  let sizeBytes: Int
  private let memory: UnsafeMutableRawBufferPointer

  private init(
    _ bytes: [UInt8], builtWith: CodeName?, buildSeconds: Double?, encodeSeconds: Double = 0
  ) throws {
    memory = .allocate(byteCount: bytes.count, alignment: 64)
    memory.copyBytes(from: bytes)
    sizeBytes = bytes.count
    self.builtWith = builtWith
    self.buildSeconds = buildSeconds
    self.encodeSeconds = encodeSeconds
    do {
      index = try GraphIndex(bytes: UnsafeRawBufferPointer(memory))
    } catch {
      memory.deallocate()
      throw error
    }
  }

  deinit { memory.deallocate() }

  static func build(_ rows: EncodedRows, _ shape: GraphShape, team: ThreadTeam) throws -> BuiltGraph {
    var bytes: [UInt8] = []
    let seconds = try Stopwatch.seconds {
      bytes = try GraphIndexBuilder.build(
        encoder: rows.encoder, codes: rows.codes.view, m: shape.m, efConstruction: shape.efConstruction,
        seed: 1, parallel: team.parallelFor)
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
    try Data(memory).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  /// What one row takes, its share of the upper levels included, rounded up.
  var bytesPerVector: Int { (sizeBytes + index.rowCount - 1) / max(1, index.rowCount) }
}

/// How a graph is built.
package struct GraphShape: Sendable {
  /// Neighbours of a node on the upper levels, twice as many on level 0; 2 … 512.
  package var m: Int
  /// Candidates that are considered for a node's links.
  package var efConstruction: Int

  package init(m: Int = 16, efConstruction: Int = 128) {
    self.m = m
    self.efConstruction = efConstruction
  }

  var specification: IndexSpecification { .hnsw(m: m, efConstruction: efConstruction) }
}

/// The rows of a benchmark in one code.
struct EncodedRows {
  let name: CodeName
  let encoder: VectorEncoder
  let codes: CodeStore
  /// What training and encoding took.
  let seconds: Double

  /// - Parameter originals: stand in for the code that is full precision itself.
  init(
    _ data: BenchmarkData, _ specification: EncodingSpecification, originals: CodeStore, team: ThreadTeam
  ) throws {
    name = CodeName(specification)
    let clock = ContinuousClock()
    let start = clock.now
    if specification.isIdentity {
      encoder = VectorEncoder.identity(dimension: data.dimension, metric: data.metric)
      codes = originals
    } else {
      let encoder = try data.train(specification)
      let codes = CodeStore(encoder: encoder, capacity: data.rowCount)
      data.vectors.withUnsafeBufferPointer {
        codes.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
      }
      (self.encoder, self.codes) = (encoder, codes)
    }
    seconds = Stopwatch.seconds(from: start, to: clock.now)
  }
}
