internal import Foundation

/// Lowers scores with the distance of a number from an origin.
struct DecayFunction: Equatable {
  enum Shape: String, CaseIterable {
    case gauss, exp, linear
  }

  /// What becomes of the scores of a hit that several rankings have.
  enum ScoreMode: String, CaseIterable {
    case max, sum
    case average = "avg"
  }

  /// A number.
  var field: String
  var shape: Shape
  var origin: Double
  /// How far from the origin, less the offset, the factor is `decay`; above 0.
  var scale: Double
  /// How far from the origin nothing is lost; not below 0.
  var offset = 0.0
  /// Between 0 and 1.
  var decay = 0.5
  var scoreMode = ScoreMode.max
  /// Whether scores are mapped to 0 … 1 before.
  var normalizes = false

  /// 0 … 1; 0 without a value.
  func factor(_ value: Double?) -> Float {
    guard let value else { return 0 }
    let distance = Swift.max(0, abs(value - origin) - offset)
    switch shape {
    case .gauss: return Float(Foundation.exp(log(decay) * (distance / scale) * (distance / scale)))
    case .exp: return Float(Foundation.exp(log(decay) * (distance / scale)))
    case .linear: return Float(Swift.max(decay, 1 - (1 - decay) * (distance / scale)))
    }
  }
}
