internal import MoultModel
internal import MoultServer

/// Functions that change the scores of hits which match a filter, before anything is ranked.
struct Boosts {
  struct Boost {
    var weight: Float
    /// Empty matches all.
    var filter: String
  }

  /// How numbers are brought together.
  enum Mode: String {
    case multiply, sum
  }

  var boosts: [Boost] = []
  /// The weights of several boosts.
  var functionMode = Mode.multiply
  /// The score and what the weights come to.
  var boostMode = Mode.multiply

  init(_ functions: [RankFunction], parameters: [String: String]) throws {
    for function in functions where function.reranker == "boost" {
      guard function.inputs.isEmpty else {
        throw MilvusError.invalidParameter("The boost function does not support input parameters")
      }
      guard function.parameters["random_score"] == nil else {
        throw MilvusError.invalidParameter("random_score is not supported by this version of Moult")
      }
      guard let weight = try function.number("weight") else {
        throw MilvusError.invalidParameter("must set weight params for weight scorer")
      }
      boosts.append(Boost(weight: Float(weight), filter: function.parameters["filter"] ?? ""))
    }
    functionMode = try Self.mode("function_mode", parameters) ?? .multiply
    boostMode = try Self.mode("boost_mode", parameters) ?? .multiply
  }

  private static func mode(_ key: String, _ parameters: [String: String]) throws -> Mode? {
    guard let text = parameters[key] else { return nil }
    guard let mode = Mode(rawValue: text.lowercased()) else {
      throw MilvusError.invalidParameter("unknown \(key): \(text.prefix(100)), expected multiply or sum")
    }
    return mode
  }

  /// - Parameter matches: for each boost whether it matches the hit.
  func score(_ score: Float, matches: [Bool]) -> Float {
    var total: Float?
    for (boost, matches) in zip(boosts, matches) where matches {
      switch (total, functionMode) {
      case (nil, _): total = boost.weight
      case (let so?, .multiply): total = so * boost.weight
      case (let so?, .sum): total = so + boost.weight
      }
    }
    guard let total else { return score }
    return boostMode == .multiply ? score * total : score + total
  }
}
