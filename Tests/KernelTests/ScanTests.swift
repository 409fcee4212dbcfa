import CMoultKernels
import MoultTesting
import Testing

/// Bits and segments of the zones of a row: every width alone, and mixtures as the codecs make them.
private let zoneLists: [[(bits: Int, segmentCount: Int)]] = [
  [(1, 1)], [(2, 1)], [(3, 1)], [(4, 1)], [(5, 1)], [(8, 1)],
  [(1, 12)], [(2, 9)], [(3, 11)], [(4, 7)], [(5, 6)], [(8, 5)],
  [(8, 1), (4, 2), (2, 3), (1, 4)], [(5, 1), (3, 2)], [(4, 1), (4, 3), (1, 1)],
]

private func makeZones(_ list: [(bits: Int, segmentCount: Int)], _ random: inout SeededGenerator)
  -> [ScanZone]
{
  list.map { ScanZone(bits: $0.bits, segmentCount: $0.segmentCount, random: &random) }
}

@Suite("scan")
struct ScanTests {
  @Test(
    "a scan keeps what the contract says, to the bit of the score",
    arguments: KernelLevel.offered, zoneLists.indices)
  func equalsOracle(level: KernelLevel, list: Int) {
    var random = SeededGenerator(seed: UInt64(list))
    var found = 0
    for (round, queryCount) in [0, 1, 2, 3, 4, 5, 8, 9, 16, 21].enumerated() {
      let head = makeZones(zoneLists[list], &random)
      let tailList = (list + round) % zoneLists.count
      for tail in [[], makeZones(zoneLists[tailList], &random)] {
        var scan = ScanCase(
          head: head, tail: tail, rowCount: [1, 16, 37, 75][round % 4], queryCount: queryCount,
          finer: [nil, true, false][round % 3], random: &random)
        for share in [0.02, 0.3, 1] {
          scan.setBars(keeping: share)
          let all = 0..<scan.blockCount
          let expected = scan.expectedHits(blocks: all)
          found += expected.count
          #expect(
            scan.hits(level, blocks: all) == expected,
            "seed \(list), \(queryCount) queries, tail \(tail.isEmpty ? "none" : "of list \(tailList)")")
        }
      }
    }
    #expect(found > 0)
  }

  @Test("a scan of some blocks numbers rows from the first of all", arguments: KernelLevel.offered)
  func partOfBlocks(level: KernelLevel) {
    var random = SeededGenerator(seed: 1)
    let head = makeZones([(4, 2)], &random)
    let tail = makeZones([(2, 1)], &random)
    for queryCount in [1, 7] {
      var scan = ScanCase(
        head: head, tail: tail, rowCount: 150, queryCount: queryCount, finer: nil, random: &random)
      scan.setBars(keeping: 0.5)
      for range in [0..<0, 3..<3, 0..<1, 2..<9, 5..<10, 9..<10] {
        #expect(scan.hits(level, blocks: range) == scan.expectedHits(blocks: range), "\(range)")
      }
    }
  }

  @Test(
    "infinite bars, factors and terms follow IEEE, and a NaN is never kept", arguments: KernelLevel.offered)
  func specialValues(level: KernelLevel) {
    var random = SeededGenerator(seed: 2)
    let head = makeZones([(2, 1), (8, 1)], &random)
    let tail = makeZones([(4, 1)], &random)
    let special: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, .greatestFiniteMagnitude]
    var bars: [Float] = []
    for queryCount in [1, 4, 6, 12] {
      var scan = ScanCase(
        head: head, tail: tail, rowCount: 61, queryCount: queryCount, finer: nil, random: &random)
      for index in scan.rows.indices where index % 3 == 0 {
        scan.rows[index].factor = special[index / 3 % special.count]
        scan.rows[index].additive = special[index / 18 % special.count]
      }
      bars = [-.infinity, .infinity, .nan, 0, -.greatestFiniteMagnitude]
      for bar in bars {
        for index in scan.queries.indices { scan.queries[index].bar = bar }
        let expected = scan.expectedHits(blocks: 0..<scan.blockCount)
        #expect(
          scan.hits(level, blocks: 0..<scan.blockCount) == expected, "bar \(bar), \(queryCount) queries")
        #expect(bar.isNaN == false || expected.isEmpty)
      }
    }
  }

  @Test("the largest sums are exact", arguments: KernelLevel.offered, [1, 3, 8])
  func largestSums(level: KernelLevel, queryCount: Int) {
    var random = SeededGenerator(seed: 3)
    let head = [ScanZone(bits: 1, segmentCount: 1024, levels: [255, 255])]  // 8192 groups
    for limb in [Int8.min, .max] {
      var scan = ScanCase(
        head: head, tail: [], rowCount: 17, queryCount: queryCount, finer: true, random: &random)
      for query in scan.queries.indices {
        let limbs = [Int8](repeating: limb, count: head.dimension)
        scan.queries[query] = ScanCase.Query(
          first: limbs, second: limbs, firstBias: 0, secondBias: 0, scale: 1, secondScale: 1, offset: 0,
          slack: 0x1p31, bar: -.greatestFiniteMagnitude)
      }
      let expected = scan.expectedHits(blocks: 0..<2)
      #expect(expected.count == 17 * queryCount)
      #expect(scan.hits(level, blocks: 0..<2) == expected, "limb \(limb)")
    }
  }

  @Test(
    "dot products with rows of codes are exact, in order and gathered",
    arguments: KernelLevel.offered, zoneLists.indices)
  func levelDotRows(level: KernelLevel, list: Int) {
    var random = SeededGenerator(seed: UInt64(list) | 1 << 32)
    let zones = makeZones(zoneLists[list], &random)
    let guarded = GuardedZones(zones)
    let codes = (0..<23).map { _ in zones.randomCodes(&random) }
    let query = random.int8s(count: zones.dimension)
    let queryRows = GuardedBuffer(zones.rowOrder(query))
    let expected = codes.map { exactDot(query, zones.levels($0)) }
    for gap in [0, 1, 5] {
      let rows = GuardedBuffer(
        codes.flatMap { zones.pack($0) + [UInt8](repeating: 9, count: gap) }.dropLast(gap))
      for count in rowCounts {
        for indices in [nil, gatherList(count: count, rowCount: codes.count)] {
          let out = GuardedBuffer([Int32](repeating: 7, count: count))
          level.kernels.level_dot_rows(
            guarded.zones.pointer, zones.count, queryRows.pointer, rows.pointer, zones.rowSizeBytes + gap,
            indices, count, out.pointer)
          let wanted = indices.map { $0.map { expected[Int($0)] } } ?? Array(expected.prefix(count))
          #expect(out.values == wanted, "seed \(random.seed), \(count) rows, gap \(gap)")
        }
      }
    }
    withExtendedLifetime(guarded) {}
  }

  @Test("the largest sums of rows are exact", arguments: KernelLevel.offered, [3, 5, 8])
  func largestRowSums(level: KernelLevel, bits: Int) {
    var random = SeededGenerator(seed: 4)
    let zones = [ScanZone(bits: bits, segmentCount: 1024, random: &random)]
    let guarded = GuardedZones(zones)
    let highest = zones[0].levels.firstIndex(of: 255) ?? 0
    let row = GuardedBuffer(zones.pack(Array(repeating: highest, count: zones.dimension)))
    for limb in [Int8.min, .max] {
      let query = GuardedBuffer([Int8](repeating: limb, count: zones.dimension))
      let out = GuardedBuffer<Int32>([7])
      level.kernels.level_dot_rows(
        guarded.zones.pointer, 1, query.pointer, row.pointer, 0, nil, 1, out.pointer)
      #expect(out.values == [255 * Int32(limb) * 32_768])
    }
    withExtendedLifetime(guarded) {}
  }

  @Test("a block interleaves rows by words and fills up with zeros", arguments: KernelLevel.offered)
  func interleaveBlock(level: KernelLevel) {
    for lineCount in [0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 48, 67] {
      for sizeBytes in Set([0, 1, lineCount * 2, lineCount * 4 - 3, lineCount * 4]) where sizeBytes >= 0 {
        guard sizeBytes <= lineCount * 4 else { continue }
        for count in 1...16 {
          var random = SeededGenerator(seed: UInt64(lineCount << 16 | sizeBytes << 5 | count))
          let gap = count % 3
          let source = random.bytes(count: max(0, count * (sizeBytes + gap) - gap))
          let rows = GuardedBuffer(source)
          let block = GuardedBuffer([UInt8](repeating: 0xEE, count: lineCount * 64))
          level.kernels.interleave_block(
            rows.pointer, sizeBytes + gap, count, sizeBytes, lineCount, block.pointer)

          var expected = [UInt8](repeating: 0, count: lineCount * 64)
          for row in 0..<count {
            for i in 0..<sizeBytes {
              expected[i / 4 * 64 + row * 4 + i % 4] = source[row * (sizeBytes + gap) + i]
            }
          }
          #expect(block.values == expected, "\(count) rows of \(sizeBytes) bytes, \(lineCount) lines")
        }
      }
    }
  }
}
