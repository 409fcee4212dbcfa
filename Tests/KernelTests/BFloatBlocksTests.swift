import CMoultKernels
import MoultTesting
import Testing

/// Lines on both sides of a tile's sixteen, and queries on both sides of the groups that kernels take.
private let lineCounts = [0, 1, 2, 15, 16, 17, 31, 32, 33, 192]
private let queryCounts = [0, 1, 3, 4, 5, 11, 12, 13, 16, 17, 31, 32, 33, 50]

@Suite("bfloat16 products")
struct BFloatBlocksTests {
  @Test("products stay within the bound", arguments: KernelLevel.offered, lineCounts)
  func withinBound(level: KernelLevel, lines: Int) {
    for queryCount in queryCounts {
      let seed = UInt64(100 * lines + queryCount)
      var random = SeededGenerator(seed: seed)
      let fixture = Products(lines: lines, queryCount: queryCount, blockCount: queryCount % 4) {
        UInt16(truncatingIfNeeded: random.gaussian().bitPattern >> 16)
      }
      let found = fixture.products(level)
      for (i, (exact, magnitudes)) in fixture.exact().enumerated() {
        #expect(abs(Double(found[i]) - exact) <= 2 * Double(lines) * 0x1p-24 * magnitudes, "seed \(seed)")
      }
    }
  }

  @Test("sums of small whole numbers are exact", arguments: KernelLevel.offered, lineCounts)
  func wholeNumbers(level: KernelLevel, lines: Int) {
    for queryCount in queryCounts {
      var random = SeededGenerator(seed: UInt64(queryCount))
      let fixture = Products(lines: lines, queryCount: queryCount, blockCount: 3) {
        UInt16(truncatingIfNeeded: Float(Int(random.next() % 31) - 15).bitPattern >> 16)
      }
      #expect(fixture.products(level).map(Double.init) == fixture.exact().map(\.sum))
    }
  }

  @Test("a query's products do not depend on the others", arguments: KernelLevel.offered)
  func aloneOrTogether(level: KernelLevel) {
    var random = SeededGenerator(seed: 9)
    let fixture = Products(lines: 37, queryCount: 50, blockCount: 3) {
      UInt16(truncatingIfNeeded: random.gaussian().bitPattern >> 16)
    }
    let together = fixture.products(level)
    for query in 0..<50 {
      let alone = fixture.only(query).products(level)
      #expect(alone == Array(together[query * 48..<(query + 1) * 48]))
    }
  }
}

/// Queries and blocks of rows, by any numbers.
private struct Products {
  let lines: Int
  let blockCount: Int
  /// Each of `2·lines` entries.
  var queries: [[UInt16]]
  let rows: [[UInt16]]

  init(lines: Int, queryCount: Int, blockCount: Int, next: () -> UInt16) {
    self.lines = lines
    self.blockCount = blockCount
    queries = (0..<queryCount).map { _ in (0..<2 * lines).map { _ in next() } }
    rows = (0..<16 * blockCount).map { _ in (0..<2 * lines).map { _ in next() } }
  }

  func only(_ query: Int) -> Products {
    var result = self
    result.queries = [queries[query]]
    return result
  }

  /// Query by query.
  func products(_ level: KernelLevel) -> [Float] {
    // Queries are one entry further apart than they are long, and so are their results.
    let spaced = GuardedBuffer(Array(queries.joined(separator: [0x7FC0])))
    var lined: [UInt16] = []
    for block in 0..<blockCount {
      for line in 0..<lines {
        for row in rows[16 * block..<16 * block + 16] { lined += row[2 * line..<2 * line + 2] }
      }
    }
    let blocks = GuardedBuffer(lined)
    let outStride = 16 * blockCount + 1
    let out = GuardedBuffer([Float](repeating: -1, count: max(0, queries.count * outStride - 1)))
    level.kernels.dot_bf16_blocks(
      spaced.pointer, 2 * lines + 1, queries.count, blocks.pointer, lines, blockCount, out.pointer, outStride)
    let values = out.values
    for query in queries.indices.dropLast() { #expect(values[(query + 1) * outStride - 1] == -1) }
    var result: [Float] = []
    for query in queries.indices { result += values[query * outStride..<query * outStride + outStride - 1] }
    return result
  }

  func exact() -> [(sum: Double, magnitudes: Double)] {
    func value(_ bits: UInt16) -> Double { Double(Float(bitPattern: UInt32(bits) << 16)) }
    var results: [(sum: Double, magnitudes: Double)] = []
    for query in queries {
      for row in rows {
        let products: [Double] = zip(query, row).map { value($0) * value($1) }
        results.append((products.reduce(0, +), products.reduce(0) { $0 + abs($1) }))
      }
    }
    return results
  }
}
