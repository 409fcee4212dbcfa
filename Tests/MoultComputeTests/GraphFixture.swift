import Foundation
import MoultModel
import MoultTesting

@testable import MoultCompute

/// Vectors and one code of them, alive as long as the fixture.
final class GraphFixture: @unchecked Sendable {
  let vectors: [Float]
  let dimension: Int
  let count: Int
  let encoder: VectorEncoder
  let codes: CodeView
  private let rows: UnsafeMutableRawPointer
  private let side: UnsafeMutableRawPointer

  init(
    _ vectors: [Float], dimension: Int, metric: Metric = .cosine, quantization: Quantization = .none
  ) throws {
    self.vectors = vectors
    self.dimension = dimension
    count = vectors.count / dimension
    encoder =
      quantization == .none
      ? .identity(dimension: dimension, metric: metric)
      : try .train(
        specification: EncodingSpecification(quantization: quantization), dimension: dimension,
        metric: metric, sample: vectors, sampleCount: count, seed: 5)
    rows = .allocate(byteCount: max(64, count * encoder.rowBytes), alignment: 64)
    side = .allocate(byteCount: max(64, count * encoder.sideBytes), alignment: 64)
    encoder.encode(vectors, count: count, rows: rows, side: side)
    codes = CodeView(
      rows: rows, rowStride: encoder.rowBytes, side: side, sideStride: encoder.sideBytes, count: count)
  }

  deinit {
    rows.deallocate()
    side.deallocate()
  }

  /// - Parameter neighbors: without, rows are inserted one after the other.
  func graphBytes(
    of neighbors: (any GraphNeighborSource)? = nil, m: Int = 8, efConstruction: Int = 64, seed: UInt64 = 1,
    parallel: ParallelFor = .serial, isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [UInt8] {
    try GraphIndexBuilder.build(
      encoder: encoder, codes: codes, m: m, efConstruction: efConstruction, seed: seed,
      neighbors: neighbors, parallel: parallel, isCancelled: isCancelled, progress: progress)
  }

  func graph(
    of neighbors: (any GraphNeighborSource)? = nil, m: Int = 8, efConstruction: Int = 64, seed: UInt64 = 1,
    parallel: ParallelFor = .serial
  ) throws -> GraphFile {
    try GraphFile(
      graphBytes(of: neighbors, m: m, efConstruction: efConstruction, seed: seed, parallel: parallel))
  }

  func search(
    _ graph: GraphIndex, _ query: [Float], k: Int = 10, ef: Int, live: LiveRows = .all
  ) -> [Neighbor] {
    graph.search(
      encoder: encoder, query: encoder.prepare(query), codes: codes, live: live, k: k, ef: ef)
  }

  /// Every row scored: the oracle.
  func nearest(_ query: [Float], k: Int = 10, where isLive: (Int) -> Bool = { _ in true }) -> [Neighbor] {
    guard count > 0 else { return [] }
    let prepared = encoder.prepare(query)
    var scores = [Float](repeating: 0, count: count)
    encoder.score(prepared, codes, first: 0, count: count, into: &scores)
    var top = TopK(k)
    for row in 0..<count where isLive(row) { top.offer(row: UInt32(row), score: scores[row]) }
    return top.sorted()
  }

  /// The part of the nearest `k` that a graph finds, over all queries.
  func recall(
    of graph: GraphIndex, queries: [[Float]], k: Int = 10, ef: Int, live: LiveRows = .all
  ) -> Double {
    var found = 0
    var wanted = 0
    for query in queries {
      let truth = Set(nearest(query, k: k, where: live.contains).map(\.row))
      found += search(graph, query, k: k, ef: ef, live: live).count { truth.contains($0.row) }
      wanted += truth.count
    }
    return Double(found) / Double(wanted)
  }
}

/// A graph and its bytes.
final class GraphFile: Sendable {
  let graph: GraphIndex
  private let memory: IndexMemory

  init(_ bytes: [UInt8]) throws {
    memory = IndexMemory(bytes)
    graph = try GraphIndex(bytes: memory.bytes)
  }
}

extension GraphIndex {
  /// Rows that links lead to from the entry point on level 0.
  func reachableRowCount() -> Int {
    guard let entryPoint else { return 0 }
    var reached: Set = [entryPoint]
    var stack = [entryPoint]
    while let row = stack.popLast() {
      let block = UnsafeBufferPointer(start: links(of: row), count: format.baseLinkCount)
      for link in block.prefix(while: { $0 != GraphFormat.noLink }) where reached.insert(link).inserted {
        stack.append(link)
      }
    }
    return reached.count
  }
}

/// Vectors in clusters, as embeddings are, and queries from the same clusters.
struct ClusteredVectors {
  let dimension = 24
  let vectors: [Float]
  let queries: [[Float]]

  init(count: Int, clusterCount: Int = 20, queryCount: Int = 50, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let centres = (0..<clusterCount).map { _ in random.unitVector(dimension: 24) }
    func vector() -> [Float] {
      let centre = centres[Int.random(in: 0..<clusterCount, using: &random)]
      return zip(centre, random.gaussianFloats(count: 24)).map { $0 + 0.15 * $1 }
    }
    vectors = (0..<count).flatMap { _ in vector() }
    queries = (0..<queryCount).map { _ in vector() }
  }

  /// Rows of which the first half are one vector and the rest are all different.
  ///
  /// - Parameter metric: under inner products all are of equal length, so that each vector is its own nearest.
  static func crowd(count: Int, seed: UInt64, metric: Metric) -> [Float] {
    var data = ClusteredVectors(count: count, seed: seed).vectors
    for row in 1..<count / 2 { data.replaceSubrange(row * 24..<(row + 1) * 24, with: data[0..<24]) }
    if metric == .innerProduct {
      for row in 0..<count {
        let vector = data[row * 24..<(row + 1) * 24]
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        data.replaceSubrange(row * 24..<(row + 1) * 24, with: vector.map { $0 / norm })
      }
    }
    return data
  }
}

extension GraphFixture {
  /// Rows side by side, on as many threads as there are processors.
  static let threads = ParallelFor { count, body in
    DispatchQueue.concurrentPerform(iterations: count) { body($0) }
  }
}
