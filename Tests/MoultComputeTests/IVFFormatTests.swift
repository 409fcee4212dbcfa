import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("IVFFormat")
struct IVFFormatTests {
  private func bytesAndFixture() throws -> ([UInt8], GraphFixture) {
    let data = ClusteredVectors(count: 150, seed: 41)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: .int8)
    return (try fixture.listBytes(listCount: 70), fixture)
  }

  private func format(of bytes: [UInt8]) throws -> IVFFormat {
    try bytes.withUnsafeBytes { try IVFFormat(reading: $0) }
  }

  private func number(at offset: Int, of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
  }

  @Test("the header reads back as it was written", arguments: Metric.allCases)
  func headerRoundTrip(metric: Metric) throws {
    for (rows, lists, groups) in [(1000, 32, 3), (5, 5, 1), (1, 1, 1), (0, 0, 0)] {
      let format = IVFFormat(
        metric: metric, dimension: 7, rowCount: rows, listCount: lists, groupCount: groups)
      var bytes = [UInt8](repeating: 1, count: format.sizeBytes)
      bytes.withUnsafeMutableBytes { format.writeHeader(to: $0) }
      #expect(try self.format(of: bytes) == format)
    }
  }

  @Test("sections begin at multiples of 64, one after the other")
  func sections() throws {
    let (bytes, _) = try bytesAndFixture()
    let format = try format(of: bytes)
    let starts = [format.lists, format.groups].flatMap {
      [$0.centroidsOffset, $0.startsOffset, $0.membersOffset]
    }
    #expect(format.groupCount == 2)
    #expect(starts == starts.sorted())
    #expect(starts.allSatisfy { $0 % 64 == 0 })
    #expect(starts[0] == 64 && format.sizeBytes == starts[5] + 4 * 70)
  }

  @Test("a file of version 1 still opens, with the rows in their lists")
  func golden() throws {
    // Four points on a line, in lists around 1 and 11, written by hand as the table of the format says.
    var bytes = Array("MOULTIVF".utf8)
    func append(_ numbers: [UInt32]) {
      for number in numbers { withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) } }
      bytes.append(contentsOf: [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64))
    }
    append([1, 2, 1, 4, 2, 1])
    append([Float(1).bitPattern, Float(11).bitPattern])
    append([0, 2, 4])
    append([1, 3, 0, 2])
    append([Float(6).bitPattern])
    append([0, 2])
    append([0, 1])
    let file = try IVFFile(Array(bytes.dropLast(64 - 8)))
    #expect(file.index.listOfRows() == [1, 0, 1, 0])
    #expect(file.index.metric == .squaredEuclidean && file.index.listCount == 2)
    let fixture = try GraphFixture([10, 0, 12, 2], dimension: 1, metric: .squaredEuclidean)
    #expect(fixture.search(file.vectorIndex, [2.5], k: 2, breadth: 1).map(\.row) == [3, 1])
    #expect(fixture.search(file.vectorIndex, [9], k: 3, breadth: 1).map(\.row) == [0, 2, 3])
  }

  @Test("bytes cut short or run on are refused at every section")
  func truncated() throws {
    let (bytes, _) = try bytesAndFixture()
    let format = try format(of: bytes)
    let starts =
      [0, 8, 32]
      + [format.lists, format.groups].flatMap { [$0.centroidsOffset, $0.startsOffset, $0.membersOffset] }
    for start in starts + [bytes.count] {
      for length in [start - 1, start, start + 1, start + 64] where (0..<bytes.count).contains(length) {
        let error = #expect(throws: MoultError.self, "\(length) bytes") {
          _ = try IVFFile(Array(bytes.prefix(length)))
        }
        #expect(error?.code == .corrupted)
      }
    }
    #expect(throws: MoultError.self) { _ = try IVFFile(bytes + [0]) }
    #expect(throws: MoultError.self) { _ = try IVFFile([]) }
  }

  @Test("foreign bytes, a newer version, rows twice or out of range and lists that overlap are refused")
  func refused() throws {
    let (bytes, _) = try bytesAndFixture()
    let format = try format(of: bytes)
    func code(writing numbers: [Int: UInt32]) -> MoultError.Code? {
      var damaged = bytes
      damaged.withUnsafeMutableBytes {
        for (offset, number) in numbers {
          $0.storeBytes(of: number.littleEndian, toByteOffset: offset, as: UInt32.self)
        }
      }
      do {
        _ = try IVFFile(damaged)
        return nil
      } catch {
        return (error as? MoultError)?.code
      }
    }
    func code(writing value: UInt32, at offset: Int) -> MoultError.Code? { code(writing: [offset: value]) }
    #expect(code(writing: [:]) == nil)
    #expect(code(writing: 0x1234, at: 0) == .corrupted)
    #expect(code(writing: 2, at: 8) == .unsupportedVersion)
    #expect(code(writing: 0, at: 8) == .corrupted)
    #expect(code(writing: 3, at: 12) == .corrupted)
    for (offset, values) in [
      (16, [0, 23, 25, 32_769, .max]), (20, [0, 149, 151, 1 << 31, .max]), (24, [0, 69, 71, 151, .max]),
      (28, [0, 1, 3, 71, .max]), (32, [1]), (60, [1]),
    ] as [(Int, [UInt32])] {
      for value in values { #expect(code(writing: value, at: offset) == .corrupted, "\(value) at \(offset)") }
    }
    for (level, count, memberCount) in [(format.lists, 70, 150), (format.groups, 2, 70)] {
      let (starts, members) = (level.startsOffset, level.membersOffset)
      #expect(code(writing: Float.nan.bitPattern, at: level.centroidsOffset) == .corrupted)
      #expect(code(writing: 1, at: starts) == .corrupted)
      #expect(code(writing: .max, at: starts + 4) == .corrupted)
      #expect(code(writing: UInt32(memberCount) - 1, at: starts + 4 * count) == .corrupted)
      #expect(code(writing: UInt32(memberCount), at: members) == .corrupted)
      #expect(code(writing: .max, at: members) == .corrupted)
      // The last member in the place of the first: twice; and two members the wrong way round.
      let (first, second) = (number(at: members, of: bytes), number(at: members + 4, of: bytes))
      let last = number(at: members + 4 * (memberCount - 1), of: bytes)
      #expect(code(writing: last, at: members) == .corrupted)
      if number(at: starts + 4, of: bytes) >= 2 {
        #expect(code(writing: [members: second, members + 4: first]) == .corrupted)
      }
    }
  }

  @Test("whatever bits are flipped, the file is refused or searches without harm", arguments: 0..<4)
  func flippedBits(seed: UInt64) throws {
    let (bytes, fixture) = try bytesAndFixture()
    let format = try format(of: bytes)
    var random = SeededGenerator(seed: seed)
    var opened = 0
    for attempt in 0..<100 {
      var damaged = bytes
      let range =
        [0..<64, format.lists.centroidsOffset..<format.lists.startsOffset, 64..<bytes.count][attempt % 3]
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        damaged[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      guard let file = try? IVFFile(damaged), file.index.rowCount == fixture.count else { continue }
      opened += 1
      let query = random.gaussianFloats(count: 24)
      let found = fixture.search(file.vectorIndex, query, k: 5, breadth: 3)
      #expect(found.count == 5 && found.allSatisfy { $0.row < 150 }, "seed \(seed), attempt \(attempt)")
      let codes = try #require(IVFCodes(index: file.index, encoder: fixture.encoder, codes: fixture.codes))
      let scanned = file.index.search(queries: query, queryCount: 1, codes: codes, k: 5, probes: 3)[0]
      #expect(scanned.count == 5 && scanned.allSatisfy { $0.row < 150 }, "seed \(seed), attempt \(attempt)")
    }
    #expect(opened > 0, "every damaged file was refused, so that searching was not tested")
  }
}
