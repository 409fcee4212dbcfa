import CMoultKernels
import MoultTesting
import Testing

@Suite("scan_sketches")
struct ScanSketchesTests {
  /// The contract, one row and query at a time.
  private func expected(
    _ chunks: [UInt8], lines: Int, chunkCount: Int, tables: [Int8], bars: [Int8]
  ) -> [UInt64] {
    bars.indices.flatMap { query in
      (0..<chunkCount).map { chunk in
        (0..<64).reduce(UInt64(0)) { mask, row in
          var sum = 0
          for line in 0..<lines {
            let index = Int(chunks[(chunk * lines + line) * 64 + row] & 63)
            sum = max(-128, min(127, sum + Int(tables[(query * lines + line) * 64 + index])))
          }
          return sum >= Int(bars[query]) ? mask | 1 << UInt64(row) : mask
        }
      }
    }
  }

  @Test(
    "equals the contract for every shape of a tile, and the upper bits of a byte do not count",
    arguments: KernelLevel.offered, [1, 2, 7, 33])
  func equalsOracle(level: KernelLevel, lines: Int) {
    var random = SeededGenerator(seed: UInt64(lines))
    var (passed, all) = (0, 0)
    for queryCount in [0, 1, 2, 3, 5, 6, 7, 13] {
      for chunkCount in [0, 1, 3, 4, 9] {
        let chunks = random.bytes(count: chunkCount * lines * 64)
        // Entries that leave most sums inside their bytes, and some that do not.
        let divisor: Int8 = chunkCount == 3 ? 1 : 8
        let tables = random.int8s(count: queryCount * lines * 64).map { $0 / divisor }
        let bars = random.int8s(count: queryCount).map { $0 / divisor }
        let masks = GuardedBuffer([UInt64](repeating: 0x5A, count: queryCount * chunkCount))
        let operands = (GuardedBuffer(chunks), GuardedBuffer(tables), GuardedBuffer(bars))
        withExtendedLifetime(operands) {
          level.kernels.scan_sketches(
            operands.0.pointer, lines, chunkCount, operands.1.pointer, operands.2.pointer, queryCount,
            masks.pointer)
        }
        let expected = expected(chunks, lines: lines, chunkCount: chunkCount, tables: tables, bars: bars)
        #expect(
          masks.values == expected, "seed \(lines), \(queryCount) queries, \(chunkCount) chunks")
        passed += expected.reduce(0) { $0 + $1.nonzeroBitCount }
        all += 64 * expected.count
      }
    }
    #expect(passed > all / 8 && passed < all * 7 / 8)
  }

  @Test("bars at the ends of a byte: the least lets every row pass", arguments: KernelLevel.offered)
  func ends(level: KernelLevel) {
    let lines = 5
    for (entry, bar, passes) in [
      (Int8.min, Int8.min, true), (.min, -127, false), (.max, .max, true), (25, .max, false),
    ] {
      let operands = (
        GuardedBuffer([UInt8](repeating: 0xFF, count: lines * 64)),
        GuardedBuffer([Int8](repeating: entry, count: lines * 64)), GuardedBuffer([bar])
      )
      let masks = GuardedBuffer([UInt64(7)])
      withExtendedLifetime(operands) {
        level.kernels.scan_sketches(
          operands.0.pointer, lines, 1, operands.1.pointer, operands.2.pointer, 1, masks.pointer)
      }
      #expect(masks.values == [passes ? .max : 0], "\(entry), \(bar)")
    }
  }
}
