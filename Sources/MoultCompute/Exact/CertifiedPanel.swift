internal import CMoultKernels
internal import MoultModel

/// Some rows as signed bytes in the layout of a scan, and how far the bytes are from the rows; rewritten
/// again and again while it stays in the cache. `CertifiedScan` has the proof.
struct CertifiedPanel: ~Copyable {
  static let blockRows = 16
  /// Bytes of codes that, beside the rows they come from, stay in the second-level cache.
  private static let codeBytes = 1 << 17

  let dimension: Int
  /// `dimension` filled up to whole segments.
  let levelCount: Int
  let capacity: Int
  private let metric: Metric
  private let centre: [Float]
  private let centreLength: Double
  /// Rows with a longer difference from the centre are always scored: squares must not overflow float.
  private let lengthMax: Double
  private(set) var count = 0

  private let blockBytes: Int
  private let blocks: UnsafeMutableRawPointer
  private let zone: UnsafeMutablePointer<moult_zone>
  /// The codes of one block row by row, and v of one row, filled up with zeros.
  private let codes: UnsafeMutableRawPointer
  private let values: UnsafeMutablePointer<Float>
  /// Of every row s, at least ρ and ‖v‖ with the margin for float arithmetic, what the bound starts from (0,
  /// or −‖v‖²; see `setUnbounded`), and the margin that does not depend on the queries.
  private let factors: UnsafeMutablePointer<Float>
  private let residuals: UnsafeMutablePointer<Double>
  private let lengths: UnsafeMutablePointer<Double>
  private let bases: UnsafeMutablePointer<Double>
  private let margins: UnsafeMutablePointer<Double>
  /// The first of a run of equal rows, for each of them.
  let firstEquals: UnsafeMutablePointer<Int32>
  private var last: UnsafeRawPointer?

  init(dimension: Int, metric: Metric, centre: [Float], capacity wanted: Int = 256) {
    self.dimension = dimension
    self.metric = metric
    self.centre = centre
    levelCount = CodeLayout.segments(dimension) * CodeLayout.segmentDimension
    let fitting = CertifiedPanel.codeBytes / (levelCount * CertifiedPanel.blockRows)
    let blockCount = max(1, min(wanted / CertifiedPanel.blockRows, fitting))
    capacity = blockCount * CertifiedPanel.blockRows
    centreLength = centre.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    lengthMax = metric == .squaredEuclidean ? 1e15 : 1e30
    blockBytes = CertifiedPanel.blockRows * (levelCount + 8)
    blocks = .allocate(byteCount: blockCount * blockBytes, alignment: 64)
    blocks.initializeMemory(as: UInt8.self, repeating: 0, count: blockCount * blockBytes)
    zone = .allocate(capacity: 1)
    zone.initialize(
      to: moult_zone(segments: UInt32(levelCount / CodeLayout.segmentDimension), bits: 8, levels: nil))
    codes = .allocate(byteCount: CertifiedPanel.blockRows * levelCount, alignment: 64)
    codes.initializeMemory(as: UInt8.self, repeating: 0, count: CertifiedPanel.blockRows * levelCount)
    values = UnsafeMutableRawPointer.allocate(byteCount: 4 * levelCount, alignment: 64)
      .bindMemory(to: Float.self, capacity: levelCount)
    values.initialize(repeating: 0, count: levelCount)
    factors = .allocate(capacity: capacity)
    residuals = .allocate(capacity: capacity)
    lengths = .allocate(capacity: capacity)
    bases = .allocate(capacity: capacity)
    margins = .allocate(capacity: capacity)
    firstEquals = .allocate(capacity: capacity)
    factors.initialize(repeating: 0, count: capacity)
    residuals.initialize(repeating: 0, count: capacity)
    lengths.initialize(repeating: 0, count: capacity)
    bases.initialize(repeating: 0, count: capacity)
    margins.initialize(repeating: 0, count: capacity)
    firstEquals.initialize(repeating: 0, count: capacity)
  }

  deinit {
    blocks.deallocate()
    zone.deallocate()
    codes.deallocate()
    values.deallocate()
    factors.deallocate()
    residuals.deallocate()
    lengths.deallocate()
    bases.deallocate()
    margins.deallocate()
    firstEquals.deallocate()
  }

  var isFull: Bool { count == capacity }
  var blockCount: Int { (count + CertifiedPanel.blockRows - 1) / CertifiedPanel.blockRows }

  mutating func removeAll() { count = 0 }

  // MARK: Rows

  /// - Parameters:
  ///   - row: must stay until the next row is appended.
  ///   - isLive: `false` keeps the place of a row that is never found.
  mutating func append(_ row: UnsafeRawPointer, inverseNorm: Float, isLive: Bool) {
    let isRepeated = count > 0 && CertifiedPanel.areEqual(row, last!, count: dimension)
    firstEquals[count] = isRepeated ? firstEquals[count - 1] : Int32(count)
    last = row
    let lane = count % CertifiedPanel.blockRows
    let target = codes + lane * levelCount
    if !isLive {
      setUnbounded(.nan)
    } else if metric == .cosine && !ExactSegment.isTrusted(inverseNorm) {
      setUnbounded(.infinity)
    } else {
      encode(row.assumingMemoryBound(to: Float.self), inverseNorm: inverseNorm, into: target)
    }
    count += 1
    if lane == CertifiedPanel.blockRows - 1 { writeBlock() }
  }

  private static func areEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, count: Int) -> Bool {
    for j in 0..<count
    where a.loadUnaligned(fromByteOffset: 4 * j, as: UInt32.self)
      != b.loadUnaligned(fromByteOffset: 4 * j, as: UInt32.self)
    {
      return false
    }
    return true
  }

  /// To be called after the last row, before bounds are set.
  func finish() {
    if count % CertifiedPanel.blockRows != 0 { writeBlock() }
  }

  private func writeBlock() {
    let block = (count - 1) / CertifiedPanel.blockRows
    let target = (blocks + block * blockBytes).assumingMemoryBound(to: UInt8.self)
    let first = block * CertifiedPanel.blockRows
    KernelTable.best.interleaveBlock(codes, levelCount, count - first, levelCount, levelCount / 4, target)
    let floats = UnsafeMutableRawPointer(target + CertifiedPanel.blockRows * levelCount)
      .assumingMemoryBound(to: Float.self)
    for i in 0..<CertifiedPanel.blockRows {
      floats[i] = first + i < count ? factors[first + i] : 0
    }
  }

  /// A row without a code: ∞ is found by every query, NaN by none.
  private func setUnbounded(_ base: Double) {
    bases[count] = base
    (factors[count], residuals[count], lengths[count], margins[count]) = (0, 0, 0, 0)
  }

  private func encode(
    _ row: UnsafePointer<Float>, inverseNorm: Float, into target: UnsafeMutableRawPointer
  ) {
    var largest: Float = 0
    let square = KernelTable.best.centre(
      row, metric == .cosine ? inverseNorm : 1, centre, values, dimension, &largest)
    let measured = square.squareRoot()
    // How far v is from what the float subtraction, and for cosine the product with 1/‖x‖, made of it.
    let rounding = metric == .cosine ? 0x1p-21 * (1 + measured) : 0x1p-23 * measured
    let length = measured * (1 + 1e-12) + rounding
    guard length < lengthMax && largest.isFinite else {
      setUnbounded(.infinity)
      return
    }
    bases[count] = metric == .squaredEuclidean ? -square : 0
    let residual = code(largest: largest, square: square, into: target) + rounding
    // 16·2⁻²⁴ of (A + B)·(‖v‖ + ρ), and of ‖v‖².
    residuals[count] = residual + 0x1p-20 * (length + residual)
    lengths[count] = length + 0x1p-20 * (length + residual)
    margins[count] =
      (metric == .squaredEuclidean ? 0x1p-20 * length * length : 0) + 1e-11 * (length + centreLength) + 1e-30
  }

  /// Codes `values` and returns at least the length of what is lost.
  private func code(largest: Float, square: Double, into target: UnsafeMutableRawPointer) -> Double {
    let length = square.squareRoot()
    let factor = largest / 127
    guard length > 1e-15 && factor.isNormal else {
      factors[count] = 0
      target.initializeMemory(as: UInt8.self, repeating: 128, count: levelCount)
      return length * (1 + 1e-12)
    }
    var levels = moult_levels(bits: 8, thresholds: nil, levels: nil)
    var product: Float = 0
    var levelSquare: Int64 = 0
    KernelTable.best.encodeLevels(
      values, 127 / largest, levelCount, &levels, target.assumingMemoryBound(to: UInt8.self), &product,
      &levelSquare)
    factors[count] = factor
    let scale = Double(factor)
    let coded = scale * Double(levelSquare).squareRoot()
    // Sixteen float sums, folded: the product is within this part of ‖v‖·‖L‖.
    let roundings = Double(levelCount / 16 + 8) * 0x1.02p-24
    let lost =
      square - 2 * scale * Double(product) + coded * coded + 2 * roundings * length * coded
      + 1e-12 * (square + coded * coded)
    return max(0, lost).squareRoot() * (1 + 1e-12)
  }

  // MARK: Bounds

  /// How far above its sum a row's score can lie, and below: A·ρ + B·‖v‖ and a margin for the float
  /// arithmetic of the scan.
  func width(_ row: Int, _ chunk: CertifiedQueries.Chunk) -> Double {
    chunk.residualWeight * residuals[row] + chunk.lengthWeight * lengths[row] + margins[row]
  }

  /// Whether a row's bound says anything.
  func isBounded(_ row: Int) -> Bool { bases[row].isFinite }

  /// Sets the row's part of the upper bound for the queries of a chunk; its rounding is part of the margin.
  func setBounds(_ chunk: CertifiedQueries.Chunk) {
    let (a, b) = (chunk.residualWeight, chunk.lengthWeight)
    for block in 0..<blockCount {
      let additives = (blocks + (block + 1) * blockBytes - 64).assumingMemoryBound(to: Float.self)
      let first = block * CertifiedPanel.blockRows
      for i in 0..<CertifiedPanel.blockRows {
        let row = first + i
        additives[i] = Float(bases[row] + margins[row] + (a * residuals[row] + b * lengths[row]))
      }
    }
    for row in count..<blockCount * CertifiedPanel.blockRows {
      let additives = (blocks + blockCount * blockBytes - 64).assumingMemoryBound(to: Float.self)
      additives[row % CertifiedPanel.blockRows] = .nan
    }
  }

  /// Scans up to four blocks from `first` on; hits name rows of the panel.
  func scan(
    block first: Int, count: Int, queries: UnsafePointer<moult_scan_query>, queryCount: Int,
    scratch: UnsafeMutableRawPointer, hits: UnsafeMutablePointer<moult_scan_hit>
  ) -> Int {
    var view = moult_blocks(
      bytes: UnsafePointer(blocks.assumingMemoryBound(to: UInt8.self)), zones: UnsafePointer(zone),
      zone_count: 1, lines: levelCount / 4, groups: levelCount / 4, tails: nil, tail_stride: 0,
      tail_zones: nil, tail_zone_count: 0)
    return KernelTable.best.scanBlocks(&view, first, count, queries, queryCount, scratch, hits)
  }
}
