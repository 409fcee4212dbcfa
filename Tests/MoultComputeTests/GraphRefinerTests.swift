import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("GraphRefiner")
struct GraphRefinerTests {
  private static func refined(
    _ file: GraphFile, by fixture: GraphFixture, parallel: ParallelFor = .serial
  ) throws -> [UInt8] {
    try GraphRefiner.refine(
      file.graph, encoder: fixture.encoder, codes: fixture.codes, efConstruction: 64, parallel: parallel)
  }

  @Test("a graph of 1-bit codes becomes about as good as one built by int8 codes", arguments: [false, true])
  func mendsCoarse(isParallel: Bool) throws {
    let sample = WordNetSample.shared
    let rows = 4000
    let vectors = Array(sample.base.prefix(rows * 384))
    let coarse = try GraphFixture(vectors, dimension: 384, quantization: .binary)
    let fine = try GraphFixture(vectors, dimension: 384, quantization: .int8)
    let kept = try coarse.graph()
    let fresh = try fine.graph()
    let refined = try GraphFile(
      Self.refined(kept, by: fine, parallel: isParallel ? GraphFixture.threads : .serial))
    #expect(refined.graph.reachableRowCount() == rows)
    #expect(refined.graph.m == kept.graph.m && refined.graph.entryPoint == kept.graph.entryPoint)
    let recalls = [kept, refined, fresh].map {
      fine.recall(of: $0.graph, queries: Array(sample.queryVectors.prefix(150)), ef: 24)
    }
    #expect(recalls[0] < recalls[2] - 0.01, "the coarse graph is no worse: \(recalls)")
    #expect(recalls[1] >= recalls[2] - 0.01, "recall before, refined, fresh: \(recalls)")
  }

  @Test("one thread gives the same bytes again, and does not change the graph it reads")
  func deterministic() throws {
    let data = ClusteredVectors(count: 1300, seed: 31)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let bytes = try fixture.graphBytes()
    let file = try GraphFile(bytes)
    let once = try Self.refined(file, by: fixture)
    #expect(try Self.refined(file, by: fixture) == once)
    #expect(once.count == bytes.count)
    // Header and upper levels stay.
    let format = try bytes.withUnsafeBytes { try GraphFormat(reading: $0) }
    #expect(once[..<format.baseLinksOffset] == bytes[..<format.baseLinksOffset])
    #expect(once[format.upperRowsOffset...] == bytes[format.upperRowsOffset...])
  }

  @Test("graphs without rows, with one, and of few come out whole", arguments: [0, 1, 2, 3, 40])
  func tiny(count: Int) throws {
    let fixture = try GraphFixture(
      Array(ClusteredVectors(count: 40, seed: 32).vectors.prefix(24 * count)), dimension: 24)
    let file = try GraphFile(Self.refined(fixture.graph(m: 3), by: fixture))
    #expect(file.graph.rowCount == count)
    #expect(file.graph.reachableRowCount() == count)
  }

  @Test("identical vectors stay reachable, and do not hide the others")
  func crowd() throws {
    let data = ClusteredVectors.crowd(count: 1200, seed: 33, metric: .cosine)
    let fixture = try GraphFixture(data, dimension: 24)
    let file = try GraphFile(Self.refined(fixture.graph(), by: fixture))
    #expect(file.graph.reachableRowCount() == 1200)
    let found = (600..<1200).count { row in
      let vector = Array(data[row * 24..<(row + 1) * 24])
      return fixture.search(file.graph, vector, k: 1, ef: 64).first?.row == UInt32(row)
    }
    #expect(found >= 580, "\(found) of 600 rows found themselves beside 600 identical ones")
  }

  @Test("a cancelled refinement throws")
  func cancelled() throws {
    let data = ClusteredVectors(count: 500, seed: 34)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let error = #expect(throws: MoultError.self) {
      _ = try GraphRefiner.refine(
        file.graph, encoder: fixture.encoder, codes: fixture.codes, efConstruction: 32, parallel: .serial,
        isCancelled: { true })
    }
    #expect(error?.code == .cancelled)
  }

  @Test("a graph with a row in two slots is refused")
  func twoSlots() throws {
    let data = ClusteredVectors(count: 500, seed: 35)
    var bytes = try GraphFixture(data.vectors, dimension: data.dimension).graphBytes()
    let offset = try bytes.withUnsafeBytes { try GraphFormat(reading: $0) }.upperRowsOffset
    bytes.replaceSubrange(offset + 8..<offset + 12, with: bytes[offset + 4..<offset + 8])
    let error = #expect(throws: MoultError.self) { _ = try GraphFile(bytes) }
    #expect(error?.code == .corrupted && error?.message.contains("in two slots") == true)
  }
}
