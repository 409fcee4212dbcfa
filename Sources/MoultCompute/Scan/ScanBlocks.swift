internal import CMoultKernels

/// Codes in the layout that scans read: the head of every row in blocks of 16 rows, the tail, if there is
/// one, row by row; with two floats a row, its factor and additive term. See `moult_blocks` in `kernels.h`.
///
/// Written once, by `write`, then only read: any number of threads may scan.
final class ScanBlocks: @unchecked Sendable {
  static let rowsPerBlock = 16
  /// Blocks a call of the kernel: their decoded levels stay in the first-level cache up to 512 dimensions.
  static let blocksPerCall = 4

  let head: CodeLayout
  let tail: CodeLayout?
  let count: Int
  let blockCount: Int

  private let blockBytes: Int
  private let tailStride: Int
  private let bytes: UnsafeMutableRawPointer
  private let tails: UnsafeMutableRawPointer?

  init(head: CodeLayout, tail: CodeLayout?, count: Int) {
    precondition(count >= 0 && count <= Int(UInt32.max))
    self.head = head
    self.tail = tail
    self.count = count
    blockCount = (count + ScanBlocks.rowsPerBlock - 1) / ScanBlocks.rowsPerBlock
    blockBytes = ScanBlocks.rowsPerBlock * (head.rowBytes + 8)
    bytes = .allocate(byteCount: max(64, blockCount * blockBytes), alignment: 64)
    tailStride = tail?.rowBytes ?? 0
    tails = tail.map { .allocate(byteCount: max(64, count * $0.rowBytes), alignment: 64) }
  }

  deinit {
    bytes.deallocate()
    tails?.deallocate()
  }

  /// What a row takes, padding of the last block aside.
  var bytesPerRow: Int { head.rowBytes + tailStride + 8 }

  /// Sets the rows of one block.
  ///
  /// - Parameters:
  ///   - rows: the block's rows, fewer than 16 only in the last block; `stride` bytes apart, of `rowBytes`
  ///     bytes, of which bytes that are missing at the end of the head are 0.
  ///   - factors, additives: one float a row.
  func write(
    block: Int, rows: UnsafeRawPointer, stride: Int, rowBytes: Int, factors: UnsafePointer<Float>,
    additives: UnsafePointer<Float>
  ) {
    let first = block * ScanBlocks.rowsPerBlock
    let rowCount = min(ScanBlocks.rowsPerBlock, count - first)
    let target = bytes + block * blockBytes
    KernelTable.best.interleaveBlock(
      rows, stride, rowCount, min(rowBytes, head.rowBytes), head.rowBytes / 4,
      target.assumingMemoryBound(to: UInt8.self))
    let floats = (target + 16 * head.rowBytes).bindMemory(to: Float.self, capacity: 32)
    for i in 0..<16 {
      (floats + i).initialize(to: i < rowCount ? factors[i] : 0)
      (floats + 16 + i).initialize(to: i < rowCount ? additives[i] : .nan)
    }
    guard let tails else { return }
    for i in 0..<rowCount {
      (tails + (first + i) * tailStride).copyMemory(
        from: rows + i * stride + head.rowBytes, byteCount: tailStride)
    }
  }

  /// Queries for which levels are not stored: calls themselves would count.
  static let fewQueries = 8

  /// Blocks a call: few, so that the levels decoded for a batch stay in the first-level cache; many where
  /// nothing is stored.
  func blocksPerCall(queryCount: Int) -> Int {
    let least = ScanBlocks.blocksPerCall
    return queryCount <= ScanBlocks.fewQueries ? max(least, min(64, 65_536 / head.dimension)) : least
  }

  /// Room that `scan` needs, 64-byte aligned.
  func scratchBytes(blockCount: Int = blocksPerCall, queryCount: Int) -> Int {
    moult_scan_scratch_bytes(head.dimension / 4, blockCount, queryCount)
  }

  /// Scans up to as many blocks as there is scratch for, and returns the number of hits written.
  ///
  /// - Parameter hits: room for `16 · blockCount · queryCount`.
  func scan(
    block: Int, count: Int, queries: UnsafePointer<moult_scan_query>, queryCount: Int,
    scratch: UnsafeMutableRawPointer, hits: UnsafeMutablePointer<moult_scan_hit>
  ) -> Int {
    var blocks = moult_blocks(
      bytes: bytes.assumingMemoryBound(to: UInt8.self), zones: head.kernelZones.zones,
      zone_count: head.kernelZones.count, lines: head.rowBytes / 4, groups: head.dimension / 4,
      tails: tails.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) },
      tail_stride: tailStride, tail_zones: tail?.kernelZones.zones,
      tail_zone_count: tail?.kernelZones.count ?? 0)
    return KernelTable.best.scanBlocks(&blocks, block, count, queries, queryCount, scratch, hits)
  }
}
