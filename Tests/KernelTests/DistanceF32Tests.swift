import CMoultKernels
import MoultTesting
import Testing

@Suite("distance_f32")
struct DistanceF32Tests {
  @Test(
    "dot product and squared distance keep their error bounds at every length around a lane",
    arguments: KernelLevel.offered, aroundLanes)
  func errorBounds(level: KernelLevel, dimension: Int) {
    for shift in [0, 1, 3] {
      let seed = UInt64(dimension * 4 + shift)
      var random = SeededGenerator(seed: seed)
      // A common offset makes the terms of the dot product of one sign and the differences small.
      let a = random.gaussianFloats(count: dimension).map { $0 + Float(shift) }
      let b = random.gaussianFloats(count: dimension).map { $0 + Float(shift) }
      let exact = Oracle(a, b)
      let aBuffer = GuardedBuffer(a, shift: shift)
      let bBuffer = GuardedBuffer(b, shift: shift * 2)

      let dot = Double(level.kernels.dot_f32(aBuffer.pointer, bBuffer.pointer, dimension))
      #expect(abs(dot - exact.dot) <= exact.dotBound, "seed \(seed)")
      let squaredL2 = Double(level.kernels.squared_l2_f32(aBuffer.pointer, bBuffer.pointer, dimension))
      #expect(abs(squaredL2 - exact.squaredL2) <= exact.squaredL2Bound, "seed \(seed)")
    }
  }

  @Test(
    "a row's score has the same bits alone, among others, and gathered",
    arguments: KernelLevel.offered, aroundLanes)
  func rowsEqualSingles(level: KernelLevel, dimension: Int) {
    let rowCount = 23
    let strideBytes = dimension * 4 + 5  // no row but the first is aligned
    var random = SeededGenerator(seed: UInt64(dimension))
    let query = GuardedBuffer(random.gaussianFloats(count: dimension))
    var bytes = [UInt8]()
    for _ in 0..<rowCount {
      bytes += random.gaussianFloats(count: dimension).flatMap { withUnsafeBytes(of: $0, Array.init) }
      bytes += [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]  // a NaN, should anybody read it
    }
    let rows = GuardedBuffer(Array(bytes.dropLast(5)))
    let kernels = level.kernels
    func row(_ index: Int) -> UnsafePointer<Float> {
      UnsafeRawPointer(rows.pointer + index * strideBytes).assumingMemoryBound(to: Float.self)
    }

    for count in rowCounts {
      let gathered = gatherList(count: count, rowCount: rowCount)
      for indices in [nil, gathered] {
        let order = indices?.map(Int.init) ?? Array(0..<count)
        let dots = GuardedBuffer([Float](repeating: 7, count: count))
        kernels.dot_f32_rows(
          query.pointer, rows.pointer, strideBytes, indices, count, dimension, dots.pointer)
        let distances = GuardedBuffer([Float](repeating: 7, count: count))
        kernels.squared_l2_f32_rows(
          query.pointer, rows.pointer, strideBytes, indices, count, dimension, distances.pointer)

        let expectedDots = order.map { kernels.dot_f32(query.pointer, row($0), dimension) }
        let expectedDistances = order.map { kernels.squared_l2_f32(query.pointer, row($0), dimension) }
        #expect(dots.values == expectedDots, "seed \(dimension), \(count) rows")
        #expect(distances.values == expectedDistances, "seed \(dimension), \(count) rows")
      }
    }
  }

  @Test("a vector is at distance 0 from itself", arguments: KernelLevel.offered, aroundLanes)
  func distanceToItself(level: KernelLevel, dimension: Int) {
    var random = SeededGenerator(seed: UInt64(dimension))
    let a = random.gaussianFloats(count: dimension)
    #expect(level.kernels.squared_l2_f32(a, a, dimension) == 0)
  }

  @Test("infinities and NaN come through", arguments: KernelLevel.offered)
  func nonFinite(level: KernelLevel) {
    for position in [0, 16, 63, 64, 80, 98] {
      var a = [Float](repeating: 1, count: 99)
      let b = [Float](repeating: 1, count: 99)
      a[position] = .infinity
      #expect(level.kernels.dot_f32(a, b, 99) == .infinity)
      #expect(level.kernels.squared_l2_f32(a, b, 99) == .infinity)
      a[position] = .nan
      #expect(level.kernels.dot_f32(a, b, 99).isNaN)
      #expect(level.kernels.squared_l2_f32(a, b, 99).isNaN)
    }
  }
}

/// The same sums in Double, and the bounds that kernels.h states.
private struct Oracle {
  var dot = 0.0
  var squaredL2 = 0.0
  let dotBound: Double
  let squaredL2Bound: Double

  init(_ a: [Float], _ b: [Float]) {
    var absolute = 0.0
    for (x, y) in zip(a, b) {
      dot += Double(x) * Double(y)
      absolute += abs(Double(x) * Double(y))
      squaredL2 += (Double(x) - Double(y)) * (Double(x) - Double(y))
    }
    dotBound = Double(a.count) * 0x1p-24 * absolute
    squaredL2Bound = Double(a.count + 2) * 0x1p-24 * squaredL2
  }
}
