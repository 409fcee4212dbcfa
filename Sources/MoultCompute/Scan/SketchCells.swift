/// What sketches make of levels, and what that leaves, measured on the codes themselves.
struct SketchCells: Sendable {
  static let cellsPerSegment = 8

  /// The cell of each level of a segment, at 256·segment + level + 128; 0 where the sketch has no bits.
  let cells: [UInt8]
  /// What a cell of a segment stands for, the mean of its levels, at 8·segment + cell.
  let levels: [Float]
  /// Mean squares of each segment's levels, and of what is left when its cells are taken off.
  let squares: [Float]
  let residuals: [Float]

  private static let sampleMax = 4096

  /// - Parameter codes: evenly spaced rows are read, at most about 4,096.
  init(_ quantizer: LevelQuantizer, layout: SketchLayout, codes: CodeView) {
    let segments = quantizer.widths.count
    let cells = SketchCells.cells(quantizer, layout)
    var sums = [Double](repeating: 0, count: SketchCells.cellsPerSegment * segments)
    var counts = sums
    var squares = [Double](repeating: 0, count: segments)
    var levels = [Int8](repeating: 0, count: quantizer.layout.dimension)
    var read = 0.0
    for row in stride(from: 0, to: codes.count, by: max(1, codes.count / SketchCells.sampleMax)) {
      quantizer.layout.readLevels(codes.rows + row * codes.rowStride, into: &levels)
      read += Double(CodeLayout.segmentDimension)
      for (j, level) in levels.enumerated() {
        let segment = j / CodeLayout.segmentDimension
        let cell = SketchCells.cellsPerSegment * segment + Int(cells[256 * segment + Int(level) + 128])
        sums[cell] += Double(level)
        counts[cell] += 1
        squares[segment] += Double(level) * Double(level)
      }
    }
    self.cells = cells
    self.levels = zip(sums, counts).map { $1 > 0 ? Float($0 / $1) : 0 }
    self.squares = squares.map { Float($0 / max(1, read)) }
    residuals = squares.indices.map { segment in
      var explained = 0.0
      for cell in SketchCells.cellsPerSegment * segment..<SketchCells.cellsPerSegment * (segment + 1)
      where counts[cell] > 0 {
        explained += sums[cell] * sums[cell] / counts[cell]
      }
      return Float(max(0, squares[segment] - explained) / max(1, read))
    }
  }

  /// By the thresholds of Lloyd–Max codes of as many bits as the sketch has.
  private static func cells(_ quantizer: LevelQuantizer, _ layout: SketchLayout) -> [UInt8] {
    let widths = quantizer.widths
    var cells = [UInt8](repeating: 0, count: 256 * widths.count)
    for run in layout.runs {
      let first = run.firstDimension / CodeLayout.segmentDimension
      let thresholds = LevelTable.lloyd(bits: run.bits).thresholds
      for segment in first..<first + run.dimensions / CodeLayout.segmentDimension {
        let unit = quantizer.table.table(bits: widths[segment]).unit
        for level in -128...127 {
          let value = Float(level) * unit
          cells[256 * segment + level + 128] = UInt8(thresholds.count { $0 <= value })
        }
      }
    }
    return cells
  }
}
