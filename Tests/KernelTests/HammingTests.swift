import CMoultKernels
import MoultTesting
import Testing

@Suite("hamming")
struct HammingTests {
  @Test("all bits differ from their complement, none from themselves", arguments: KernelLevel.offered)
  func extremes(level: KernelLevel) {
    for bytes in aroundLanes + [1 << 20] {
      let zeros = [UInt8](repeating: 0, count: bytes)
      let ones = [UInt8](repeating: 0xFF, count: bytes)
      var differing: [UInt32] = [7, 7]
      level.kernels.hamming_rows(ones, zeros + ones, bytes, nil, 2, bytes, &differing)
      #expect(differing == [UInt32(8 * bytes), 0])
    }
  }

  @Test(
    "counts the differing bits at every length around a lane", arguments: KernelLevel.offered, aroundLanes)
  func countsBits(level: KernelLevel, bytes: Int) {
    let rowCount = 23
    let strideBytes = bytes + 3
    var random = SeededGenerator(seed: UInt64(bytes))
    let query = random.bytes(count: bytes)
    let rows = random.bytes(count: rowCount * strideBytes - 3)
    let queryBuffer = GuardedBuffer(query, shift: bytes % 4)
    let rowsBuffer = GuardedBuffer(rows)

    for count in rowCounts {
      for indices in [nil, gatherList(count: count, rowCount: rowCount)] {
        let out = GuardedBuffer([UInt32](repeating: 7, count: count))
        level.kernels.hamming_rows(
          queryBuffer.pointer, rowsBuffer.pointer, strideBytes, indices, count, bytes, out.pointer)

        let order = indices?.map(Int.init) ?? Array(0..<count)
        let expected = order.map { differingBits(query[...], rows[($0 * strideBytes)...].prefix(bytes)) }
        #expect(out.values == expected, "seed \(bytes), \(count) rows")
      }
    }
  }

  @Test(
    "bit planes give the dot product of bits and numbers", arguments: KernelLevel.offered,
    [0, 8, 16, 24, 32, 48, 56, 64, 72, 96, 120, 128, 136, 192, 256])
  func bitPlanes(level: KernelLevel, bytes: Int) {
    let rowCount = 23
    let strideBytes = bytes + 5
    for planeCount in 1...8 {
      var random = SeededGenerator(seed: UInt64(bytes * 8 + planeCount))
      let query = random.bytes(count: bytes * 8).map { $0 >> (8 - planeCount) }
      let rows = random.bytes(count: rowCount * strideBytes - 5)
      let planes = GuardedBuffer(splitIntoPlanes(query, planeCount: planeCount))
      let rowsBuffer = GuardedBuffer(rows)

      for count in [0, 1, 7, 8, 23] {
        for indices in [nil, gatherList(count: count, rowCount: rowCount)] {
          let out = GuardedBuffer([UInt32](repeating: 7, count: count))
          level.kernels.bit_plane_dot_rows(
            planes.pointer, planeCount, rowsBuffer.pointer, strideBytes, indices, count, bytes,
            out.pointer)

          let order = indices?.map(Int.init) ?? Array(0..<count)
          let expected = order.map { sumWhereSet(query, rows[($0 * strideBytes)...].prefix(bytes)) }
          #expect(out.values == expected, "seed \(bytes * 8 + planeCount), \(count) rows")
        }
      }
    }
  }

  @Test("a million bytes of ones in eight planes do not overflow", arguments: KernelLevel.offered)
  func widestPlanes(level: KernelLevel) {
    let bytes = 1 << 20
    let planes = [UInt8](repeating: 0xFF, count: 8 * bytes)
    let row = [UInt8](repeating: 0xFF, count: bytes)
    var sum: UInt32 = 0
    level.kernels.bit_plane_dot_rows(planes, 8, row, bytes, nil, 1, bytes, &sum)
    #expect(sum == 255 * 8 << 20)
  }
}

private func differingBits(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> UInt32 {
  zip(a, b).reduce(0) { $0 + UInt32(($1.0 ^ $1.1).nonzeroBitCount) }
}

/// Bit i of plane p is bit p of `query[i]`; the planes follow each other.
private func splitIntoPlanes(_ query: [UInt8], planeCount: Int) -> [UInt8] {
  var planes = [UInt8](repeating: 0, count: planeCount * query.count / 8)
  for plane in 0..<planeCount {
    for i in query.indices where query[i] >> plane & 1 == 1 {
      planes[plane * query.count / 8 + i / 8] |= 1 << (i % 8)
    }
  }
  return planes
}

private func sumWhereSet(_ query: [UInt8], _ row: ArraySlice<UInt8>) -> UInt32 {
  let bits = Array(row)
  return query.indices.reduce(0) { $0 + (bits[$1 / 8] >> ($1 % 8) & 1 == 1 ? UInt32(query[$1]) : 0) }
}
