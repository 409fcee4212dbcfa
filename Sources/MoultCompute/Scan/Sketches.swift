/// Codes with a sketch of each: scans look up the sketches of all rows in tables, 64 rows at a time, and score
/// the codes of the few rows whose sketches leave them a chance.
///
/// A sketch is a byte a line, a chunk the lines of 64 rows (`scan_sketches` in `kernels.h`). Two lines tell the
/// terms of a row's score, u = additive/factor and v = 1/factor, by steps.
///
/// Written once, by `init`, then only read: any number of threads may scan.
final class Sketches: @unchecked Sendable {
  static let rowsPerChunk = 64

  let layout: SketchLayout
  let cells: SketchCells
  let additiveSteps: TermSteps
  let inverseSteps: TermSteps
  /// The codes, row by row.
  let codes: CodeLayout
  let count: Int
  let chunkCount: Int

  let chunks: UnsafeMutablePointer<UInt8>
  /// A bit a row: those that are always scored, as their terms lie in no step.
  let always: UnsafeMutablePointer<UInt64>
  let rows: UnsafeMutableRawPointer
  /// Factor and additive term of each row.
  let terms: UnsafeMutablePointer<Float>

  /// Rows times dimensions from which on sketches are faster: their tables and the sample for the first bars cost
  /// each query the same whatever the rows. A batch breaks even between 15 and 38 million.
  static let valuesMin = 24_000_000

  /// - Parameter valuesMin: see the static member.
  /// - Returns: `nil` where blocks are better: for few rows, for codes without a tail, and for codes so short that
  ///   sketches would be most of the memory.
  init?(
    _ quantizer: LevelQuantizer, codes view: CodeView, valuesMin: Int = valuesMin, parallel: ParallelFor
  ) {
    let layout = SketchLayout(
      widths: quantizer.widths, variances: quantizer.spreads.map { Double($0) * Double($0) })
    guard view.count > 0, view.count * quantizer.layout.dimension >= valuesMin,
      quantizer.headZoneCount < quantizer.layout.zones.count,
      3 * layout.lines <= 2 * quantizer.layout.rowBytes
    else { return nil }
    self.layout = layout
    cells = SketchCells(quantizer, layout: layout, codes: view)
    codes = quantizer.layout.merged
    count = view.count
    chunkCount = (count + Sketches.rowsPerChunk - 1) / Sketches.rowsPerChunk
    (additiveSteps, inverseSteps) = Sketches.steps(quantizer, view)
    let bytes = chunkCount * layout.lines * Sketches.rowsPerChunk
    chunks = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      .initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    always = .allocate(capacity: chunkCount)
    always.initialize(repeating: 0, count: chunkCount)
    rows = .allocate(byteCount: count * codes.rowBytes, alignment: 64)
    terms = .allocate(capacity: 2 * count)
    let perPart = 64
    parallel.run((chunkCount + perPart - 1) / perPart) { part in
      for chunk in part * perPart..<min(chunkCount, (part + 1) * perPart) { fill(chunk, quantizer, view) }
    }
  }

  deinit {
    chunks.deallocate()
    always.deallocate()
    rows.deallocate()
    terms.deallocate()
  }

  /// What a row takes.
  var bytesPerRow: Int { layout.lines + codes.rowBytes + 8 }

  // MARK: Writing

  private static let sampleMax = 4096

  /// u and v, where they say what a score is.
  private static func terms(factor: Float, additive: Float) -> (u: Float, v: Float)? {
    let (u, v) = (additive / factor, 1 / factor)
    return factor > 0 && u.isFinite && v.isFinite ? (u, v) : nil
  }

  private static func steps(_ quantizer: LevelQuantizer, _ view: CodeView) -> (TermSteps, TermSteps) {
    var sample: [(u: Float, v: Float)] = []
    for row in stride(from: 0, to: view.count, by: max(1, view.count / sampleMax)) {
      var (factor, additive): (Float, Float) = (0, 0)
      quantizer.scanFactors(view, first: row, count: 1, factors: &factor, additives: &additive)
      if let terms = terms(factor: factor, additive: additive) { sample.append(terms) }
    }
    return (TermSteps(sample: sample.map(\.u)), TermSteps(sample: sample.map(\.v)))
  }

  private func fill(_ chunk: Int, _ quantizer: LevelQuantizer, _ view: CodeView) {
    let first = chunk * Sketches.rowsPerChunk
    let rowCount = min(Sketches.rowsPerChunk, count - first)
    let lines = chunks + chunk * layout.lines * Sketches.rowsPerChunk
    withUnsafeTemporaryAllocation(of: Int8.self, capacity: codes.dimension) { levels in
      for i in 0..<rowCount {
        let row = first + i
        let source = view.rows + row * view.rowStride
        (rows + row * codes.rowBytes).copyMemory(from: source, byteCount: codes.rowBytes)
        codes.readLevels(source, into: levels.baseAddress!)
        writeSketch(levels.baseAddress!, to: lines + i)
        var (factor, additive): (Float, Float) = (0, 0)
        quantizer.scanFactors(view, first: row, count: 1, factors: &factor, additives: &additive)
        (terms + 2 * row).initialize(to: factor)
        (terms + 2 * row + 1).initialize(to: additive)
        if let own = Sketches.terms(factor: factor, additive: additive), let u = additiveSteps.step(own.u),
          let v = inverseSteps.step(own.v)
        {
          lines[layout.dimensionLines * Sketches.rowsPerChunk + i] = u
          lines[(layout.dimensionLines + 1) * Sketches.rowsPerChunk + i] = v
        } else {
          always[chunk] |= 1 << UInt64(i)
        }
      }
    }
  }

  private func writeSketch(_ levels: UnsafePointer<Int8>, to target: UnsafeMutablePointer<UInt8>) {
    cells.cells.withUnsafeBufferPointer { cells in
      var target = target
      for run in layout.runs {
        let end = run.firstDimension + run.dimensions
        for first in stride(from: run.firstDimension, to: end, by: run.dimensionsPerLine) {
          var (index, shift): (UInt8, UInt8) = (0, 0)
          for j in first..<min(end, first + run.dimensionsPerLine) {
            index |= cells[256 * (j / CodeLayout.segmentDimension) + Int(levels[j]) + 128] << shift
            shift += UInt8(run.bits)
          }
          target.pointee = index
          target += Sketches.rowsPerChunk
        }
      }
    }
  }
}
