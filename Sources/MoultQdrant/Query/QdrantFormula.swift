internal import Foundation
internal import MoultModel
internal import MoultServer

/// Makes a score of a point's scores and payload.
struct QdrantFormula: Sendable {
  indirect enum Expression: Sendable {
    case number(Double)
    /// Of a prefetch.
    case score(Int)
    case member(Member)
    /// 1 where one of the formula's conditions holds, otherwise 0.
    case condition(Int)
    case multiply([Expression])
    case sum([Expression])
    case greatest([Expression])
    case least([Expression])
    case negative(Expression)
    case absolute(Expression)
    case quotient(Expression, Expression, byZero: Double?)
    case power(Expression, Expression)
    case function(Function, Expression)
    /// Metres.
    case distance(GeoPoint, Member)
    /// Seconds since 1970.
    case time(Member)
    case decay(Decay)
  }

  enum Function: String, Sendable, CaseIterable {
    case sqrt, exp, log10, ln, acosh
  }

  struct Member: Sendable {
    var key: String
    var path: QdrantPath
  }

  /// 1 at the target, `midpoint` at a distance of `scale` from it.
  struct Decay: Sendable {
    enum Shape: String, Sendable, CaseIterable {
      case linear = "lin_decay"
      case exponential = "exp_decay"
      case gauss = "gauss_decay"
    }

    var shape: Shape
    var x: Expression
    var target: Expression
    var scale: Double
    var midpoint: Double
  }

  /// One point to be scored.
  struct Subject {
    var id: PointID
    var payload: JSONObject
    /// By prefetch; `nil` where it has not found the point.
    var scores: [Float?]
    /// By condition.
    var matches: [Bool]
  }

  var expression: Expression
  var conditions: [QdrantFilter.Condition]
  /// By key, `$score[0]` and so on among them.
  var defaults: [String: JSON]

  /// - Throws: 400 for values that are missing or of another type, and for a score that is no finite number.
  func score(_ subject: Subject) throws(QdrantError) -> Float {
    let score = Float(try value(expression, subject))
    guard score.isFinite else { throw Self.nonFinite("formula", of: subject) }
    return score
  }

  private static func nonFinite(_ what: String, of subject: Subject) -> QdrantError {
    .badRequest("The expression \(what) produced a non-finite number for point \(subject.id)")
  }

  private func value(_ expression: Expression, _ subject: Subject) throws(QdrantError) -> Double {
    switch expression {
    case .number(let number): return number
    case .score(let index):
      if index < subject.scores.count, let score = subject.scores[index] { return Double(score) }
      return defaults["$score[\(index)]"]?.double ?? 0
    case .member(let member):
      guard let number = try found(member, subject).double else {
        throw .badRequest(
          "Expected number value for \(member.key) in the payload and/or in the formula defaults. Error: Value is not a number"
        )
      }
      return number
    case .condition(let index): return subject.matches[index] ? 1 : 0
    case .multiply(let factors):
      var product = 1.0
      for factor in factors {
        let value = try value(factor, subject)
        // What comes behind a zero need not have a value.
        if value == 0 { return 0 }
        product *= value
      }
      return product
    case .sum(let parts):
      var sum = 0.0
      for part in parts { sum += try value(part, subject) }
      return sum
    case .greatest(let parts):
      var best = -Double.infinity
      for part in parts { best = max(best, try value(part, subject)) }
      return best
    case .least(let parts):
      var best = Double.infinity
      for part in parts { best = min(best, try value(part, subject)) }
      return best
    case .negative(let part): return -(try value(part, subject))
    case .absolute(let part): return abs(try value(part, subject))
    case .quotient(let left, let right, let byZero):
      let dividend = try value(left, subject)
      if dividend == 0 { return 0 }
      let divisor = try value(right, subject)
      if divisor == 0, let byZero { return byZero }
      return try finite(dividend / divisor, "\(dividend)/\(divisor)", subject)
    case .power(let base, let exponent):
      let (base, exponent) = (try value(base, subject), try value(exponent, subject))
      return try finite(pow(base, exponent), "\(base)^\(exponent)", subject)
    case .function(let function, let part):
      let value = try value(part, subject)
      return try finite(function.apply(to: value), "\(function.rawValue)(\(value))", subject)
    case .distance(let origin, let member):
      let value = try found(member, subject)
      guard let latitude = value["lat"]?.double, let longitude = value["lon"]?.double else {
        throw .badRequest(
          "Expected geo point for \(member.key) in the payload and/or in the formula defaults.")
      }
      return origin.distance(to: GeoPoint(latitude: latitude, longitude: longitude))
    case .time(let member):
      guard let time = try found(member, subject).string.flatMap(Timestamp.microseconds) else {
        throw .badRequest(
          "Expected datetime for \(member.key) in the payload and/or in the formula defaults.")
      }
      return Double(time) / 1e6
    case .decay(let decay):
      let distance = abs(try value(decay.x, subject) - (try value(decay.target, subject)))
      return decay.value(at: distance)
    }
  }

  private func finite(
    _ value: Double, _ what: @autoclosure () -> String, _ subject: Subject
  ) throws(QdrantError) -> Double {
    guard value.isFinite else { throw Self.nonFinite(what(), of: subject) }
    return value
  }

  /// A member's only value, of the payload or else of the defaults.
  private func found(_ member: Member, _ subject: Subject) throws(QdrantError) -> JSON {
    let values = member.path.values(in: subject.payload)
    if values.count == 1 { return values[0] }
    if values.count > 1 { return .array(values) }
    switch defaults[member.key] {
    case let value? where value.array == nil: return value
    case let value? where value.array?.count == 1: return value.array![0]
    case let value? where value.array?.isEmpty == false: return value
    default:
      throw .badRequest("No value found for \(member.key) in the payload nor the formula defaults")
    }
  }
}

extension QdrantFormula.Function {
  /// Not a number where it has no value.
  func apply(to value: Double) -> Double {
    switch self {
    case .sqrt: value >= 0 ? value.squareRoot() : .nan
    case .exp: Foundation.exp(value)
    case .log10: value > 0 ? Foundation.log10(value) : .nan
    case .ln: value > 0 ? log(value) : .nan
    case .acosh: value >= 1 ? Foundation.acosh(value) : .nan
    }
  }
}

extension QdrantFormula.Decay {
  func value(at distance: Double) -> Double {
    switch shape {
    case .linear: max(0, 1 - (1 - midpoint) / scale * distance)
    case .exponential: exp(log(midpoint) / scale * distance)
    case .gauss: exp(log(midpoint) / (scale * scale) * distance * distance)
    }
  }
}

extension QdrantPath {
  /// The values it reaches in a payload; an array at its end stands for its elements.
  func values(in payload: JSONObject) -> [JSON] {
    reached(in: .object(payload)).flatMap { $0.array ?? [$0] }
  }

  private func reached(in payload: JSON) -> [JSON] {
    steps.reduce([payload]) { values, step in
      switch step {
      case .key(let key): values.compactMap { $0[key] }
      case .index(let index):
        values.compactMap { value in value.array.flatMap { $0.indices.contains(index) ? $0[index] : nil } }
      case .each: values.flatMap { $0.array ?? [] }
      }
    }
  }
}
