internal import MoultModel

/// A row found by its code: what its score is estimated at, and how far off that may be.
public struct Candidate: Sendable, Equatable {
  public var row: Int64
  public var score: Float
  /// Standard error of `score`.
  public var error: Float

  public init(row: Int64, score: Float, error: Float) {
    self.row = row
    self.score = score
    self.error = error
  }

  /// What the exact score may come to. The formula of calibration as of search: both must agree to the bit.
  func upperBound(z: Double, errorFloor: Double) -> Double {
    let error = Double(error)
    let bound = Double(score) + z * (error * error + errorFloor * errorFloor).squareRoot()
    // ∞·0, or scores that overflowed: nothing is known, so the row is looked at.
    return bound.isNaN ? .infinity : bound
  }
}

extension RescoringPolicy {
  func upperBound(_ candidate: Candidate) -> Double {
    candidate.upperBound(z: z ?? .infinity, errorFloor: errorFloor)
  }
}
