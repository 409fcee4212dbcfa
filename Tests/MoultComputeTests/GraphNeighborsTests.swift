import Foundation
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

@Suite("GraphNeighbors")
struct GraphNeighborsTests {
  @Test(
    "a graph of neighbour lists finds as much as one of inserted rows",
    arguments: NeighborSourceKind.allCases, Metric.allCases)
  func recall(kind: NeighborSourceKind, metric: Metric) throws {
    let data = ClusteredVectors(count: 3000, seed: 61)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let inserted = try fixture.graph()
    let made = try fixture.graph(of: kind.source(fixture))
    #expect(made.graph.reachableRowCount() == 3000)
    for ef in [16, 64] {
      let expected = fixture.recall(of: inserted.graph, queries: data.queries, ef: ef)
      let recall = fixture.recall(of: made.graph, queries: data.queries, ef: ef)
      #expect(recall >= expected - 0.015, "\(kind), \(metric), ef \(ef): \(recall), inserted \(expected)")
    }
  }

  @Test("so does one of embeddings, with codes that have guides", arguments: [Quantization.none, .int8])
  func embeddings(quantization: Quantization) throws {
    let sample = WordNetSample.shared
    let rows = 4000
    let fixture = try GraphFixture(
      Array(sample.base.prefix(rows * 384)), dimension: 384, quantization: quantization)
    let queries = Array(sample.queryVectors.prefix(100))
    let inserted = try fixture.graph(parallel: GraphFixture.threads)
    let made = try fixture.graph(
      of: NeighborDescent(encoder: fixture.encoder, codes: fixture.codes, parallel: GraphFixture.threads),
      parallel: GraphFixture.threads)
    #expect(made.graph.reachableRowCount() == rows)
    for ef in [24, 64] {
      let expected = fixture.recall(of: inserted.graph, queries: queries, ef: ef)
      let recall = fixture.recall(of: made.graph, queries: queries, ef: ef)
      #expect(recall >= expected - 0.01, "ef \(ef): \(recall), inserted \(expected)")
    }
  }

  @Test("clusters far from each other are all found")
  func farClusters() throws {
    var random = SeededGenerator(seed: 62)
    // 40 clusters of 50 rows: a list holds nothing but rows of one.
    let centres = (0..<40).map { _ in random.unitVector(dimension: 24) }
    func vector(_ cluster: Int) -> [Float] {
      zip(centres[cluster], random.gaussianFloats(count: 24)).map { $0 + 0.01 * $1 }
    }
    let vectors = (0..<2000).flatMap { vector($0 % 40) }
    let queries = (0..<40).map { vector($0) }
    let fixture = try GraphFixture(vectors, dimension: 24)
    let inserted = try fixture.graph()
    let made = try fixture.graph(of: ExactNeighbors(fixture: fixture))
    #expect(made.graph.reachableRowCount() == 2000)
    let expected = fixture.recall(of: inserted.graph, queries: queries, ef: 64)
    let recall = fixture.recall(of: made.graph, queries: queries, ef: 64)
    #expect(recall >= expected - 0.01, "\(recall), inserted \(expected)")
  }

  @Test(
    "few rows come out whole", arguments: NeighborSourceKind.allCases, [0, 1, 2, 3, 7, 16, 17, 18, 40])
  func few(kind: NeighborSourceKind, count: Int) throws {
    let vectors = Array(ClusteredVectors(count: 40, seed: 63).vectors.prefix(24 * count))
    let fixture = try GraphFixture(vectors, dimension: 24)
    let file = try fixture.graph(of: kind.source(fixture))
    #expect(file.graph.rowCount == count)
    #expect(file.graph.reachableRowCount() == count)
    for row in 0..<count {
      let query = Array(vectors[row * 24..<(row + 1) * 24])
      #expect(fixture.search(file.graph, query, k: 1, ef: 40).first?.row == UInt32(row))
    }
  }

  @Test(
    "a crowd of identical vectors does not hide the others", arguments: NeighborSourceKind.allCases,
    Metric.allCases)
  func crowd(kind: NeighborSourceKind, metric: Metric) throws {
    let data = ClusteredVectors.crowd(count: 1600, seed: 24, metric: metric)
    let fixture = try GraphFixture(data, dimension: 24, metric: metric)
    let file = try fixture.graph(of: kind.source(fixture))
    #expect(file.graph.reachableRowCount() == 1600)
    let found = (800..<1600).count { row in
      let vector = Array(data[row * 24..<(row + 1) * 24])
      return fixture.search(file.graph, vector, k: 1, ef: 64).first?.row == UInt32(row)
    }
    #expect(found >= 780, "\(found) of 800 rows found themselves beside 800 identical ones")
  }

  @Test("nothing but identical vectors, or zero vectors, are all reachable", arguments: [Float(0.5), 0])
  func allIdentical(entry: Float) throws {
    let fixture = try GraphFixture([Float](repeating: entry, count: 900 * 8), dimension: 8)
    for kind in NeighborSourceKind.allCases {
      let file = try fixture.graph(of: kind.source(fixture))
      // The graph reads the file's memory.
      #expect(withExtendedLifetime(file) { $0.graph.reachableRowCount() } == 900, "\(kind)")
    }
  }

  @Test("rows without neighbours are reachable, and the others are found as before")
  func withoutNeighbors() throws {
    let data = ClusteredVectors(count: 1500, seed: 64)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let source = ExactNeighbors(fixture: fixture, without: Set((0..<1500).filter { $0 % 5 == 0 }))
    let file = try fixture.graph(of: source)
    #expect(file.graph.reachableRowCount() == 1500)
    var words = [UInt64](repeating: 0, count: 24)
    for row in 0..<1500 where row % 5 != 0 { words[row / 64] |= 1 << UInt64(row % 64) }
    let recall = words.withUnsafeBufferPointer {
      fixture.recall(
        of: file.graph, queries: data.queries, ef: 64, live: LiveRows(words: $0.baseAddress))
    }
    #expect(recall >= 0.97, "recall \(recall)")
  }

  @Test("links that are chosen already are taken as they are, and rows are found by them")
  func chosenLinks() throws {
    let data = ClusteredVectors(count: 1200, seed: 65)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let lists = try fixture.graph(of: ExactNeighbors(fixture: fixture))
    struct Links: GraphNeighborSource {
      let links: [UInt32]
      func neighbors(
        degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
      ) throws -> GraphNeighbors? { .links(links, crowded: []) }
    }
    let links = (0..<1200).flatMap { row in
      Array(UnsafeBufferPointer(start: lists.graph.links(of: UInt32(row)), count: 16))
    }
    let taken = try fixture.graph(of: Links(links: links))
    // Rows of upper levels have links from there too; few others were changed so that every row is reachable.
    let changed = (0..<1200).count { row in
      let kept = UnsafeBufferPointer(start: taken.graph.links(of: UInt32(row)), count: 16)
      return !kept.elementsEqual(links[row * 16..<(row + 1) * 16])
    }
    #expect(changed < 1200 / 8 + 50, "\(changed) of 1200 rows have other links")
    let expected = fixture.recall(of: lists.graph, queries: data.queries, ef: 64)
    let recall = fixture.recall(of: taken.graph, queries: data.queries, ef: 64)
    #expect(recall >= expected - 0.01, "recall \(recall), chosen here \(expected)")
  }

  @Test("a source that cannot leaves the build to insertion")
  func sourceThatCannot() throws {
    struct None: GraphNeighborSource {
      func neighbors(
        degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
      ) throws -> GraphNeighbors? { nil }
    }
    let data = ClusteredVectors(count: 500, seed: 66)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    #expect(try fixture.graphBytes(of: None()) == fixture.graphBytes())
  }

  @Test("a source on a thread of its own gives the same graph, and may give up or fail late")
  func beside() throws {
    enum Ending: CaseIterable { case found, none, failed }
    struct Late: GraphNeighborSource {
      let source: any GraphNeighborSource
      let ending: Ending
      let inserted: DispatchSemaphore
      var worksBeside: Bool { true }
      func neighbors(
        degree: Int, linkCount: Int, seed: UInt64, isCancelled: @escaping @Sendable () -> Bool
      ) throws -> GraphNeighbors? {
        // Until a row of an upper level has been inserted: the others work meanwhile.
        inserted.wait()
        switch ending {
        case .found:
          return try source.neighbors(
            degree: degree, linkCount: linkCount, seed: seed, isCancelled: isCancelled)
        case .none: return nil
        case .failed: throw MoultError(.cancelled, "of the source's own")
        }
      }
    }
    let data = ClusteredVectors(count: 700, seed: 69)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let source = ExactNeighbors(fixture: fixture)
    func build(_ ending: Ending) throws -> [UInt8] {
      let inserted = DispatchSemaphore(value: 0)
      return try fixture.graphBytes(
        of: Late(source: source, ending: ending, inserted: inserted),
        isCancelled: {
          inserted.signal()
          return false
        })
    }
    #expect(try build(.found) == fixture.graphBytes(of: source))
    #expect(try build(.none) == fixture.graphBytes())
    #expect(#expect(throws: MoultError.self) { try build(.failed) }?.message == "of the source's own")
  }

  @Test("one thread gives the same bytes again, and progress ends at the number of rows")
  func deterministic() throws {
    let data = ClusteredVectors(count: 1300, seed: 67)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let done = Mutex(0)
    func build() throws -> [UInt8] {
      try fixture.graphBytes(
        of: NeighborSourceKind.descent.source(fixture),
        progress: { rows in done.withLock { $0 = max($0, rows) } })
    }
    #expect(try build() == build())
    #expect(done.withLock { $0 } == 1300)
  }

  @Test("a cancelled build throws, wherever it is", arguments: [0, 1, 3, 10, 30, 60, 75])
  func cancelled(after asked: Int) throws {
    let data = ClusteredVectors(count: 1000, seed: 68)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let count = Mutex(0)
    let error = #expect(throws: MoultError.self) {
      _ = try fixture.graphBytes(
        of: NeighborSourceKind.descent.source(fixture),
        isCancelled: {
          count.withLock {
            $0 += 1
            return $0 > asked
          }
        })
    }
    #expect(error?.code == .cancelled)
  }
}
