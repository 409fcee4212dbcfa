/// A linear map in bytes: as exact as a guide needs, and a quarter of the memory that each query reads.
struct GuideMap: Sendable {
  let outputDimension: Int
  private let inputDimension: Int
  /// Entry (i, j) is `scales[i]·(rows[i·inputDimension + j] − 128)`.
  private let rows: [UInt8]
  private let scales: [Float]

  init(_ map: LinearTransform) {
    let d = map.inputDimension
    inputDimension = d
    outputDimension = map.outputDimension
    var rows = [UInt8](repeating: 128, count: d * map.outputDimension)
    var scales: [Float] = []
    for i in 0..<map.outputDimension {
      let row = map.matrix.pointer + i * d
      var largest: Float = 0
      for j in 0..<d { largest = max(largest, abs(row[j])) }
      let unit = largest > 0 ? largest / 127 : 1
      for j in 0..<d { rows[i * d + j] = UInt8(Int32((row[j] / unit).rounded()) + 128) }
      scales.append(unit)
    }
    self.rows = rows
    self.scales = scales
  }

  /// `y ≈ A·x`, x rounded to 1/32 258 of its largest entry.
  func apply(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    let d = inputDimension
    var largest: Float = 0
    for j in 0..<d { largest = max(largest, abs(x[j])) }
    let unit = largest / 127
    guard unit.isNormal else {
      y.update(repeating: 0, count: outputDimension)
      return
    }
    ThreadScratch.with(Int8.self, count: 8 * outputDimension + 2 * d) { buffer in
      let sums = UnsafeMutableRawPointer(buffer).bindMemory(to: Int32.self, capacity: 2 * outputDimension)
      let high = buffer + 8 * outputDimension
      let low = high + d
      var highTotal: Int32 = 0
      var lowTotal: Int32 = 0
      for j in 0..<d {
        (high[j], low[j]) = (x[j] / unit).limbs
        highTotal &+= Int32(high[j])
        lowTotal &+= Int32(low[j])
      }
      rows.withUnsafeBytes {
        KernelTable.best.dotU8LimbRows(
          high, low, $0.baseAddress!, d, nil, outputDimension, d, sums, sums + outputDimension)
      }
      for i in 0..<outputDimension {
        let highSum = Float(sums[i] &- 128 &* highTotal)
        let lowSum = Float(sums[outputDimension + i] &- 128 &* lowTotal)
        y[i] = scales[i] * unit * (highSum + lowSum / 254)
      }
    }
  }
}
