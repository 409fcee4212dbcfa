import CMoultKernels
import MoultTesting

/// Vectors and queries of one scan: what the scores must be, and the same in C's layout.
struct ScanCase {
  struct Row {
    let head: [UInt8]
    let tail: [UInt8]
    let headLevels: [Int32]
    let tailLevels: [Int32]
    var factor: Float
    var additive: Float

    init(head: [ScanZone], tail: [ScanZone], factor: Float, additive: Float, random: inout SeededGenerator) {
      let headCodes = head.randomCodes(&random)
      let tailCodes = tail.randomCodes(&random)
      self.head = head.pack(headCodes)
      self.tail = tail.pack(tailCodes)
      headLevels = head.levels(headCodes)
      tailLevels = tail.levels(tailCodes)
      self.factor = factor
      self.additive = additive
    }
  }

  struct Query {
    var first: [Int8]
    var second: [Int8]?  // over the tail, or over the head where there is none
    var firstBias: Int32
    var secondBias: Int32
    var scale: Float
    var secondScale: Float
    var offset: Float
    var slack: Float
    var bar: Float
  }

  let head: [ScanZone]
  let tail: [ScanZone]
  var rows: [Row]
  var queries: [Query]

  /// - Parameter finer: queries with a second limb; `nil` for some with and some without.
  init(
    head: [ScanZone], tail: [ScanZone], rowCount: Int, queryCount: Int, finer: Bool?,
    random: inout SeededGenerator
  ) {
    self.head = head
    self.tail = tail
    rows = (0..<rowCount).map { _ in
      let factor = random.float(in: 0.5...2)
      return Row(head: head, tail: tail, factor: factor, additive: random.float(), random: &random)
    }
    queries = (0..<queryCount).map { index in
      let hasSecond = finer ?? (index % 2 == 0)
      let secondDimension = tail.isEmpty ? head.dimension : tail.dimension
      return Query(
        first: random.int8s(count: head.dimension),
        second: hasSecond ? random.int8s(count: secondDimension) : nil,
        firstBias: Int32(random.float(in: -5000...5000)), secondBias: Int32(random.float(in: -5000...5000)),
        scale: 0x1p-14 * random.float(in: 0.5...2), secondScale: 0x1p-18 * random.float(in: 0.5...2),
        offset: random.float(), slack: random.float(in: 0...0.2), bar: 0)
    }
  }

  /// The contract, one vector and one query at a time: the score if it is kept.
  private func score(_ row: Row, _ query: Query) -> Float? {
    let sum1 = query.firstBias + exactDot(query.first, row.headLevels)
    let estimate = query.scale * Float(sum1) + query.offset
    guard row.factor * (estimate + query.slack) + row.additive >= query.bar else { return nil }
    guard let second = query.second else { return row.factor * estimate + row.additive }
    let levels = tail.isEmpty ? row.headLevels : row.tailLevels
    let sum2 = query.secondBias + exactDot(second, levels)
    let score = row.factor * (estimate + query.secondScale * Float(sum2)) + row.additive
    return score >= query.bar ? score : nil
  }

  /// What is kept of the blocks `range`.
  func expectedHits(blocks range: Range<Int>) -> [ScanHit] {
    queries.indices.flatMap { query in
      rows.indices.filter { range.contains($0 / 16) }.compactMap { row in
        score(rows[row], queries[query]).map { ScanHit(query: query, row: row, scoreBits: $0.bitPattern) }
      }
    }
  }

  /// Sets each query's bar so that stage two keeps about `share` of the rows.
  mutating func setBars(keeping share: Double) {
    for index in queries.indices {
      var open = queries[index]
      open.bar = -.infinity
      let scores = rows.compactMap { score($0, open) }.sorted()
      let place = min(scores.count - 1, Int(Double(scores.count) * (1 - share)))
      queries[index].bar = scores.isEmpty ? 0 : scores[place]
    }
  }

  var blockCount: Int { (rows.count + 15) / 16 }

  /// Scans blocks `range` with a level's kernel, every operand in front of a page that may not be touched.
  func hits(_ level: KernelLevel, blocks range: Range<Int>) -> [ScanHit] {
    let headZones = GuardedZones(head)
    let tailZones = GuardedZones(tail)
    let tailStride = tail.rowSizeBytes + 3
    let tails = GuardedBuffer(rows.flatMap { $0.tail + [7, 7, 7] }.dropLast(3))
    let bytes = GuardedBuffer(blockBytes())
    let limbs = queries.map { query in
      (
        GuardedBuffer(head.blockOrder(query.first)),
        query.second.map { GuardedBuffer(tail.isEmpty ? head.blockOrder($0) : tail.rowOrder($0)) }
      )
    }
    let scanQueries = GuardedBuffer(
      zip(queries, limbs).map { query, limbs in
        moult_scan_query(
          first: limbs.0.pointer, second: limbs.1.map { UnsafePointer($0.pointer) },
          first_bias: query.firstBias, second_bias: query.secondBias, scale: query.scale,
          second_scale: query.secondScale, offset: query.offset, slack: query.slack, bar: query.bar)
      })
    var blocks = moult_blocks(
      bytes: bytes.pointer, zones: headZones.zones.pointer, zone_count: head.count,
      lines: head.rowSizeBytes / 4, groups: head.dimension / 4,
      tails: tail.isEmpty ? nil : UnsafePointer(tails.pointer), tail_stride: tailStride,
      tail_zones: tailZones.zones.pointer, tail_zone_count: tail.count)
    let scratch = GuardedBuffer([UInt8](repeating: 0xA5, count: 16 * head.dimension * range.count))
    let room = [moult_scan_hit](repeating: moult_scan_hit(), count: 16 * range.count * queries.count)
    let hits = GuardedBuffer(room)
    let count = level.kernels.scan_blocks(
      &blocks, range.lowerBound, range.count, scanQueries.pointer, queries.count, scratch.pointer,
      hits.pointer)
    return withExtendedLifetime((limbs, headZones, tailZones, tails, bytes)) {
      hits.values.prefix(count)
        .map { ScanHit(query: Int($0.query), row: Int($0.row), scoreBits: $0.score.bitPattern) }
        .sorted()
    }
  }

  /// Rows that pad the last block have any codes and a NaN as additive.
  private func blockBytes() -> [UInt8] {
    (0..<blockCount).flatMap { block -> [UInt8] in
      let lineCount = head.rowSizeBytes / 4
      var bytes = [UInt8](repeating: 0x5A, count: lineCount * 64)
      var factors = [Float](repeating: 1, count: 16)
      var additives = [Float](repeating: .nan, count: 16)
      for lane in 0..<16 where block * 16 + lane < rows.count {
        let row = rows[block * 16 + lane]
        for (index, byte) in row.head.enumerated() {
          bytes[index / 4 * 64 + lane * 4 + index % 4] = byte
        }
        factors[lane] = row.factor
        additives[lane] = row.additive
      }
      return bytes + (factors + additives).flatMap { withUnsafeBytes(of: $0) { Array($0) } }
    }
  }
}
