/// Functions that change the scores of hits which match a filter, before anything is ranked.
struct Boosts {
  struct Boost {
    var weight: Float
    /// Empty matches all.
    var filter: String
    /// What the weight is multiplied with.
    var random: RandomScore?
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
      guard let weight = try function.number("weight") else {
        throw MilvusError.invalidParameter("must set weight params for weight scorer")
      }
      boosts.append(
        Boost(
          weight: Float(weight), filter: function.parameters["filter"] ?? "",
          random: try function.parameters["random_score"].map(RandomScore.init)))
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

  /// Whether hits have to come with their payload.
  func needPayload(key: String) -> Bool {
    boosts.contains { boost in boost.random?.field.map { $0 != key } ?? false }
  }

  /// - Parameters:
  ///   - matches: for each boost whether it matches the hit.
  ///   - key: the name of the primary field.
  func score(_ hit: FoundPoints.Hit, matches: [Bool], key: String) -> Float {
    var total: Float?
    for (boost, matches) in zip(boosts, matches) where matches {
      let weight = boost.weight * (boost.random?.value(hit, key: key) ?? 1)
      switch (total, functionMode) {
      case (nil, _): total = weight
      case (let so?, .multiply): total = so * weight
      case (let so?, .sum): total = so + weight
      }
    }
    guard let total else { return hit.score }
    return boostMode == .multiply ? hit.score * total : hit.score + total
  }
}
