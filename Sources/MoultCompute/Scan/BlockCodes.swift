internal import MoultModel

/// Codes in the order in which batches are scanned: 16 rows side by side, so that no sum runs across a
/// register. Made from rows at the speed of memory; about as large as they are.
public final class BlockCodes: Sendable {
  let encoder: VectorEncoder
  let blocks: ScanBlocks
  /// In the place of blocks, which are empty then, where scans are faster with them.
  let sketches: Sketches?
  /// Largest Euclidean length of a row's levels; what the finer limb of a query can add at most.
  let levelNormMax: Float

  /// Rows.
  public var count: Int { sketches?.count ?? blocks.count }
  public var bytesPerVector: Int { sketches?.bytesPerRow ?? blocks.bytesPerRow }

  /// - Parameters:
  ///   - codes: written by `encoder`, at most 2³² − 1 rows.
  /// - Returns: `nil` for codes that are not made of integer levels (floats, OSQ).
  public convenience init?(encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor = .serial) {
    self.init(encoder: encoder, codes: codes, sketchedFrom: Sketches.valuesMin, parallel: parallel)
  }

  /// - Parameter sketchedFrom: rows times dimensions from which on codes are sketched.
  init?(encoder: VectorEncoder, codes: CodeView, sketchedFrom: Int, parallel: ParallelFor = .serial) {
    guard let quantizer = encoder.quantizer as? any LevelCoded else { return nil }
    let layout = quantizer.layout
    let headCount = quantizer.headZoneCount
    let head = layout.slice(0..<headCount)
    let tail = headCount < layout.zones.count ? layout.slice(headCount..<layout.zones.count) : nil
    if let level = quantizer as? LevelQuantizer,
      let sketches = Sketches(level, codes: codes, valuesMin: sketchedFrom, parallel: parallel)
    {
      self.encoder = encoder
      self.sketches = sketches
      blocks = ScanBlocks(head: head, tail: tail, count: 0)
      levelNormMax = 0
      return
    }
    sketches = nil
    let blocks = ScanBlocks(head: head, tail: tail, count: codes.count)
    let perPart = 256
    let partCount = (blocks.blockCount + perPart - 1) / perPart
    let norms = ResultSlots<Float>(repeating: 0, count: partCount)
    parallel.run(partCount) { part in
      let range = part * perPart..<min(blocks.blockCount, (part + 1) * perPart)
      norms[part] = BlockCodes.fill(
        blocks, range, from: codes, of: quantizer, measuresNorms: quantizer.needsLevelNorm)
    }
    self.encoder = encoder
    self.blocks = blocks
    levelNormMax = (0..<partCount).reduce(Float(0)) { max($0, norms[$1]) }
  }

  private static func fill(
    _ blocks: ScanBlocks, _ range: Range<Int>, from codes: CodeView, of quantizer: any LevelCoded,
    measuresNorms: Bool
  ) -> Float {
    var largest = 0
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { floats in
      let factors = floats.baseAddress!
      for block in range {
        let first = 16 * block
        let count = min(16, codes.count - first)
        quantizer.scanFactors(codes, first: first, count: count, factors: factors, additives: factors + 16)
        let rows = codes.rows + first * codes.rowStride
        blocks.write(
          block: block, rows: rows, stride: codes.rowStride, rowBytes: quantizer.rowBytes, factors: factors,
          additives: factors + 16)
        guard measuresNorms else { continue }
        for i in 0..<count {
          // Σ(u − 128)² = Σu² − 256·Σu + 128²·d: the codes are 8 bits wide here.
          let row = (rows + i * codes.rowStride).assumingMemoryBound(to: UInt8.self)
          let squares = Int(KernelTable.best.dotU8(row, row, quantizer.rowBytes))
          var sum = 0
          for j in 0..<quantizer.rowBytes { sum += Int(row[j]) }
          largest = max(largest, squares - 256 * sum + 16_384 * quantizer.rowBytes)
        }
      }
    }
    return Float(largest).squareRoot().nextUp
  }
}
