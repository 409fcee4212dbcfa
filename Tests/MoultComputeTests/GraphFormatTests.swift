import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("GraphFormat")
struct GraphFormatTests {
  private func bytesAndFixture() throws -> ([UInt8], GraphFixture) {
    let data = ClusteredVectors(count: 150, seed: 31)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    return (try fixture.graphBytes(m: 3), fixture)
  }

  private func format(of bytes: [UInt8]) throws -> GraphFormat {
    try bytes.withUnsafeBytes { try GraphFormat(reading: $0) }
  }

  /// Sixteen integer vectors, so that every instruction set has the same scores.
  private func goldenFixture() throws -> GraphFixture {
    let vectors = (0..<16).flatMap { row in [row % 4, row / 4 % 4, row * 7 % 5].map { Float($0) } }
    return try GraphFixture(vectors, dimension: 3, metric: .squaredEuclidean)
  }

  @Test("a graph of version 1 still opens and finds what it found")
  func golden() throws {
    let fixture = try goldenFixture()
    let bytes = try #require(Data(base64Encoded: Self.goldenGraph))
    let file = try GraphFile(Array(bytes))
    #expect(file.graph.rowCount == 16)
    #expect(file.graph.m == 2)
    #expect(file.graph.entryPoint == 15)
    #expect(file.graph.reachableRowCount() == 16)
    for query in [[0, 0, 0], [3, 3, 4], [1.25, 2, 0.5]] as [[Float]] {
      #expect(fixture.search(file.graph, query, k: 3, ef: 16) == fixture.nearest(query, k: 3))
    }
  }

  /// `goldenFixture().graphBytes(m: 2, efConstruction: 8, seed: 6)` as the first version built it.
  private static let goldenGraph = """
    TU9VTFRITlcBAAAAAgAAABAAAAAPAAAABAAAAAAAAAALAAAACAAAAAUAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAUAAAABAAAACAAAAP////8GAAAABAAAAAAAAAACAAAABwAAAAEAAAAGAAAA
    AwAAAAYAAAACAAAADwAAAP////8JAAAAAQAAAAgAAAD/////AAAAAAoAAAD//////////wEAAAALAAAAAwAAAAIAAAACAAAABgAA
    AP//////////DQAAAAAAAAAEAAAACgAAAAQAAAAOAAAA//////////8FAAAADwAAAA0AAAAIAAAABgAAAA4AAAD//////////w4A
    AAAIAAAAAgAAAP////8IAAAACgAAAP//////////CQAAAAsAAAAGAAAADAAAAAoAAAADAAAACAAAAAIAAAAPAAAAAgAAAAMAAAAI
    AAAACgAAAAYAAAAMAAAABwAAAA4AAAABAAAACwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAIAAAAHAAAACQAAAAUAAAABAAAA
    BAAAAAYAAAAAAAAAAwAAAAkAAAAKAAAACAAAAAMAAAABAAAABQAAAAUAAAAGAAAABQAAAAEAAAAFAAAABwAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAgAAAAcAAAAFAAAABQAAAAEAAAAEAAAABgAAAAAAAAADAAAAAgAAAAEA
    AAADAAAAAQAAAAEAAAAFAAAABAAAAAIAAAACAAAAAwAAAAEAAAAAAAAABAAAAAEAAAAAAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAEAAAD/////AAAAAP////8=
    """.replacing("\n", with: "")

  @Test("the header reads back as it was written")
  func headerRoundTrip() throws {
    for counts in [[], [7], [100, 9, 1]] {
      let format = GraphFormat(rowCount: 1000, m: 5, entryPoint: 17, levelCounts: counts)
      var bytes = [UInt8](repeating: 1, count: format.sizeBytes)
      bytes.withUnsafeMutableBytes { format.writeHeader(to: $0) }
      #expect(try self.format(of: bytes) == format)
    }
    let empty = GraphFormat(rowCount: 0, m: 2, entryPoint: nil, levelCounts: [])
    #expect(empty.sizeBytes == 256)
  }

  @Test("sections begin at multiples of 64, one after the other")
  func sections() throws {
    let format = try format(of: bytesAndFixture().0)
    let starts = [format.baseLinksOffset, format.upperRowsOffset] + format.upperLinksOffsets
    #expect(format.levelCounts.count >= 2)
    #expect(starts == starts.sorted())
    #expect(starts.allSatisfy { $0 % 64 == 0 })
  }

  @Test("bytes cut short or run on are refused at every section")
  func truncated() throws {
    let (bytes, _) = try bytesAndFixture()
    let format = try format(of: bytes)
    let starts = [0, 8, 32, format.baseLinksOffset, format.upperRowsOffset] + format.upperLinksOffsets
    for start in starts {
      for length in [start - 1, start, start + 1, start + 64] where (0..<bytes.count).contains(length) {
        let error = #expect(throws: MoultError.self, "\(length) bytes") {
          _ = try GraphFile(Array(bytes.prefix(length)))
        }
        #expect(error?.code == .corrupted)
      }
    }
    #expect(throws: MoultError.self) { _ = try GraphFile(bytes + [0]) }
    #expect(throws: MoultError.self) { _ = try GraphFile([]) }
  }

  @Test("foreign bytes, a newer version and links that lead nowhere are refused")
  func refused() throws {
    let (bytes, _) = try bytesAndFixture()
    let format = try format(of: bytes)
    func code(writing number: UInt32, at offset: Int) -> MoultError.Code? {
      var damaged = bytes
      damaged.withUnsafeMutableBytes {
        $0.storeBytes(of: number.littleEndian, toByteOffset: offset, as: UInt32.self)
      }
      do {
        _ = try GraphFile(damaged)
        return nil
      } catch {
        return (error as? MoultError)?.code
      }
    }
    #expect(code(writing: 0x1234, at: 0) == .corrupted)
    #expect(code(writing: 2, at: 8) == .unsupportedVersion)
    #expect(code(writing: 0, at: 8) == .corrupted)
    #expect(code(writing: 1, at: 12) == .corrupted)
    #expect(code(writing: .max, at: 12) == .corrupted)
    #expect(code(writing: .max, at: 16) == .corrupted)
    #expect(code(writing: 0, at: 16) == .corrupted)
    #expect(code(writing: 150, at: 20) == .corrupted)
    #expect(code(writing: .max, at: 20) == .corrupted)
    #expect(code(writing: 32, at: 24) == .corrupted)
    #expect(code(writing: .max, at: 32) == .corrupted)
    #expect(code(writing: 150, at: format.baseLinksOffset) == .corrupted)
    #expect(code(writing: 149, at: format.baseLinksOffset) == nil)
    #expect(code(writing: .max, at: format.baseLinksOffset) == nil)
    #expect(code(writing: 150, at: format.upperRowsOffset + 4) == .corrupted)
    #expect(code(writing: .max, at: format.upperRowsOffset + 4) == .corrupted)
    #expect(
      code(writing: UInt32(format.levelCounts[0]), at: format.upperLinksOffsets[0]) == .corrupted)
    #expect(
      code(writing: UInt32(format.levelCounts[1]), at: format.upperLinksOffsets[1]) == .corrupted)
  }

  @Test("whatever bits are flipped, the graph is refused or searches without harm", arguments: 0..<8)
  func flippedBits(seed: UInt64) throws {
    let (bytes, fixture) = try bytesAndFixture()
    var random = SeededGenerator(seed: seed)
    var opened = 0
    for attempt in 0..<250 {
      var damaged = bytes
      // Half of the flips hit the fields of the header, half the links.
      let range = attempt % 2 == 0 ? 0..<48 : 256..<bytes.count
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        damaged[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      guard let file = try? GraphFile(damaged), file.graph.rowCount == fixture.count else { continue }
      opened += 1
      let found = fixture.search(file.graph, random.gaussianFloats(count: 24), k: 5, ef: 20)
      #expect(found.count <= 5 && found.allSatisfy { $0.row < 150 }, "seed \(seed), attempt \(attempt)")
    }
    #expect(opened > 0, "every damaged graph was refused, so that searching was not tested")
  }
}
