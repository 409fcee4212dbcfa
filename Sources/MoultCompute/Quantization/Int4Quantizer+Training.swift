internal import Foundation
internal import MoultModel

extension Int4Quantizer {
  /// Learns centre and steps, and how far the levels reach: the reach, in standard deviations of a dimension,
  /// whose scores are nearest to the truth on the sample (golden section, 12 evaluations, QUANTIZATION.md
  /// B1.1). What lies beyond is clamped.
  ///
  /// - Parameter sample: `count × dimension`, as the quantizer will see vectors; at least one.
  /// - Throws: `invalidArgument` without a sample, `invalidVector` where it is not finite.
  static func trained(
    dimension: Int, metric: Metric, sample: [Float], count: Int
  ) throws(MoultError) -> Int4Quantizer {
    guard count > 0 else {
      throw MoultError(
        .invalidArgument, "int4 codes need vectors to learn their range from; insert some first")
    }
    guard sample.allSatisfy(\.isFinite) else {
      throw MoultError(.invalidVector, "the sample holds numbers that are not finite")
    }
    return sample.withUnsafeBufferPointer { sample in
      let pointer = sample.baseAddress!
      let (centre, deviations) = spread(of: pointer, count: count, dimension: dimension)
      func quantizer(reach: Double, errorScale: Float = 1) -> Int4Quantizer {
        let steps = deviations.map { Float(min(1e37, max(1e-37, $0 * reach / 7.5))) }
        return Int4Quantizer(
          dimension: dimension, metric: metric, centre: centre, steps: FloatBuffer(steps),
          errorScale: errorScale)
      }
      guard
        let errors = SampleErrors(sample: pointer, count: count, dimension: dimension, metric: metric)
      else { return quantizer(reach: gaussianReach) }
      let best = GoldenSection.minimum(in: log(1)...log(8), evaluations: 12) {
        errors.measure(quantizer(reach: exp($0))).squared
      }
      return quantizer(reach: exp(best), errorScale: errors.errorScale(quantizer(reach: exp(best))))
    }
  }

  /// Of normal data: 16 levels have the least squared error with steps of 0.335 standard deviations.
  private static let gaussianReach = 2.51

  /// Mean and standard deviation of each dimension. From few vectors a dimension's own are not known: below
  /// `ScalarQuantizer.centringCountMin` all share one. Where nothing varies, steps as for data of the
  /// centre's size, so that later data has codes.
  private static func spread(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int
  ) -> (centre: FloatBuffer, deviations: [Double]) {
    var centre = SampleStatistics.centre(of: sample, count: count, dimension: dimension)
    let isShared = count < ScalarQuantizer.centringCountMin
    if isShared {
      let mean = centre.values.reduce(0.0) { $0 + Double($1) } / Double(dimension)
      centre = FloatBuffer([Float](repeating: Float(mean), count: dimension))
    }
    var squares = [Double](repeating: 0, count: dimension)
    for i in 0..<count {
      for j in 0..<dimension {
        let difference = Double(sample[i * dimension + j]) - Double(centre.pointer[j])
        squares[j] += difference * difference
      }
    }
    var pooled = (squares.reduce(0, +) / Double(count) / Double(dimension)).squareRoot()
    // Rounding of the mean alone is no spread.
    let largest = centre.values.reduce(0.0) { max($0, Double(abs($1))) }
    if pooled <= 1e-7 * largest || pooled < 1e-30 { pooled = largest < 1e-30 ? 1 : largest }
    let deviations = squares.map {
      let own = ($0 / Double(count)).squareRoot()
      return isShared || own < 1e-6 * pooled ? pooled : own
    }
    return (centre, deviations)
  }
}
