internal import MoultModel

/// Scores of single rows for codes of integer levels, with the arithmetic of block scans: the same bits.
extension LevelCoded {
  /// `floats`: the query's `deviation`. `constants`: scale, offset, base, and the bits of the integer that
  /// takes the kernel's 128 a level off its sums.
  func set(_ target: PreparedQuery, to query: LevelQuery) {
    let layout = layout
    target.set(floatCount: 1, byteCount: layout.dimension) { floats, bytes in
      floats.pointee = query.deviation
      let target = UnsafeMutableRawPointer(bytes).bindMemory(to: Int8.self, capacity: layout.dimension)
      var bias: Int32 = 0
      query.weights.withUnsafeBufferPointer { weights in
        layout.writeRowOrder(weights.baseAddress!, to: target)
        for j in 0..<weights.count { bias -= 128 * Int32(weights[j]) }
      }
      return (query.scale, query.offset, query.base, Float(bitPattern: UInt32(bitPattern: bias)))
    }
    target.keep(query.weights)
  }

  /// - Parameter factors: the factor and additive term in a row's side data.
  @inline(__always)
  func scoreLevels(
    _ query: PreparedQuery, _ codes: CodeView, zones: KernelZones, first: Int,
    indices: UnsafePointer<UInt32>?, count: Int, into scores: UnsafeMutablePointer<Float>,
    factors: (UnsafeRawPointer) -> (factor: Float, additive: Float)
  ) {
    let (scale, offset, base, biasBits) = query.constants
    let bias = Int32(bitPattern: biasBits.bitPattern)
    let weights = UnsafeRawPointer(query.bytes).assumingMemoryBound(to: Int8.self)
    let side = codes.side!
    // 256 rows at a time: their sums, 1 KiB, fit the stack.
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { buffer in
      let sums = buffer.baseAddress!
      var done = 0
      while done < count {
        let block = min(256, count - done)
        let start = indices == nil ? first + done : 0
        let list = indices.map { $0 + done }
        KernelTable.best.levelDotRows(
          zones.zones, zones.count, weights, codes.rows + start * codes.rowStride, codes.rowStride, list,
          block, sums)
        for i in 0..<block {
          let own = factors(side + (list.map { Int($0[i]) } ?? start + i) * codes.sideStride)
          scores[done + i] = own.factor * (scale * Float(sums[i] &+ bias) + offset) + own.additive + base
        }
        done += block
      }
    }
  }
}
