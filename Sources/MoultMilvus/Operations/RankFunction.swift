internal import Foundation
internal import MoultModel
internal import MoultServer

/// A function that ranks anew, as requests carry it: names and texts.
struct RankFunction {
  var name = ""
  var inputs: [String] = []
  var outputs: [String] = []
  /// Whether it is of the type `Rerank`.
  var isRerank = true
  /// Values as text; lists as JSON.
  var parameters: [String: String] = [:]

  private static let rerank = 3

  /// - Parameter type: Milvus' number of the function's type.
  init(
    name: String, type: Int, inputs: [String], outputs: [String], parameters: [(key: String, value: String)]
  ) {
    self.name = name
    isRerank = type == Self.rerank
    self.inputs = inputs
    self.outputs = outputs
    for (key, value) in parameters { self.parameters[key.lowercased()] = value }
  }

  /// `functionScore` in REST.
  static func list(_ fields: RequestFields?) throws -> (
    functions: [RankFunction], parameters: [String: String]
  ) {
    guard let fields else { return ([], [:]) }
    let functions = try (fields.array("functions") ?? []).map { value in
      guard let object = value.object else {
        throw fields.mismatch("functions", expected: "an array of objects", value)
      }
      let function = RequestFields(object, path: "functionScore.functions.", ignoresCase: true)
      let inputs = try MilvusFields(function, type: "").strings("inputFieldNames") ?? []
      let type = try function.string("type") ?? ""
      return RankFunction(
        name: try function.string("name") ?? "", type: type.lowercased() == "rerank" ? rerank : 0,
        inputs: inputs, outputs: try MilvusFields(function, type: "").strings("outputFieldNames") ?? [],
        parameters: texts(try function.fields("params")))
    }
    return (functions, Dictionary(texts(try fields.fields("params"))) { _, last in last })
  }

  /// Values of JSON as gRPC's clients write them.
  private static func texts(_ fields: RequestFields?) -> [(key: String, value: String)] {
    (fields?.object.members ?? []).map { member in
      if case .string(let text) = member.value { return (member.key, text) }
      var json = JSONWriter()
      json.value(member.value)
      return (member.key, String(decoding: json.bytes, as: UTF8.self))
    }
  }

  var reranker: String { parameters["reranker"]?.lowercased() ?? "" }

  /// - Throws: 1100 for what is no ranking function that Moult has.
  func check() throws(MilvusError) {
    guard isRerank else { throw .invalidParameter("\(name) is not rerank function") }
    guard outputs.isEmpty else {
      throw .invalidParameter("Rerank function should not have output field, but now is \(outputs.count)")
    }
  }

  /// - Returns: `nil` for a boost, which changes scores before anything is ranked.
  func ranker(in collection: DescribedCollection) throws -> HybridRanker? {
    try check()
    switch reranker {
    case "rrf":
      try refuseInputs()
      return try Self.reciprocal(k: try number("k") ?? 60)
    case "weighted":
      try refuseInputs()
      guard let text = parameters["weights"] else { throw MilvusError.invalidParameter("weights not found") }
      guard let list = (try? JSONReader.parse(text))?.array, case let values = list.compactMap(\.double),
        values.count == list.count
      else {
        throw MilvusError.invalidParameter(
          "Parse weights param failed, weight should be []float, but got: \(text.prefix(100))")
      }
      return try Self.weighted(values, normalizes: try flag("norm_score") ?? false)
    case "decay": return .decay(try decay(in: collection))
    case "boost": return nil
    default:
      throw MilvusError.invalidParameter(
        "Unsupported rerank function: [\(reranker)] , list of supported [decay,rrf,weighted,boost]")
    }
  }

  static func reciprocal(k: Double) throws(MilvusError) -> HybridRanker {
    guard k > 0, k < 16_384 else {
      throw .invalidParameter("The rank params k should be in range (0, 16384), got \(k)")
    }
    return .reciprocal(k: Float(k))
  }

  static func weighted(_ weights: [Double], normalizes: Bool) throws(MilvusError) -> HybridRanker {
    guard !weights.isEmpty else { throw .invalidParameter("weights not found") }
    guard weights.allSatisfy((0...1).contains) else {
      throw .invalidParameter("rank param weight should be in range [0, 1]")
    }
    return .weighted(weights.map(Float.init), normalizes: normalizes)
  }

  private func refuseInputs() throws(MilvusError) {
    guard inputs.isEmpty else {
      throw .invalidParameter("The \(reranker) function does not support input parameters, but got \(inputs)")
    }
  }

  private func decay(in collection: DescribedCollection) throws(MilvusError) -> DecayFunction {
    guard inputs.count == 1 else {
      throw .invalidParameter("Decay function only supports single input, but gets \(inputs) input")
    }
    guard let field = collection.definition.field(inputs[0]) else {
      throw .invalidParameter("Function decay's input field \(inputs[0]) not found in collection schema")
    }
    guard field.type.integerRange != nil || field.type == .float || field.type == .double else {
      throw .invalidParameter(
        "Decay rerank: unsupported input field type:\(field.type.name), only support numeric field")
    }
    let shapes = DecayFunction.Shape.allCases.map(\.rawValue).joined(separator: ",")
    guard let shape = DecayFunction.Shape(rawValue: parameters["function"] ?? "") else {
      throw .invalidParameter(
        "Invalid decay function: \(parameters["function"] ?? ""), only support [\(shapes)]")
    }
    guard let origin = try number("origin") else {
      throw .invalidParameter("Decay function lost param: origin")
    }
    guard let scale = try number("scale") else {
      throw .invalidParameter("Decay function lost param: scale")
    }
    var function = DecayFunction(field: field.name, shape: shape, origin: origin, scale: scale)
    function.offset = try number("offset") ?? 0
    function.decay = try number("decay") ?? 0.5
    function.normalizes = try flag("norm_score") ?? false
    if let mode = parameters["score_mode"] {
      guard let known = DecayFunction.ScoreMode(rawValue: mode.lowercased()) else {
        throw .invalidParameter("Unsupport score mode: [\(mode)], only supports: [max, avg, sum]")
      }
      function.scoreMode = known
    }
    guard scale > 0 else {
      throw .invalidParameter("Decay function param: scale must > 0, but got \(scale)")
    }
    guard function.offset >= 0 else {
      throw .invalidParameter("Decay function param: offset must >= 0, but got \(function.offset)")
    }
    guard function.decay > 0, function.decay < 1 else {
      throw .invalidParameter("Decay function param: decay must 0 < decay < 1, but got \(function.decay)")
    }
    return function
  }

  func number(_ key: String) throws(MilvusError) -> Double? {
    guard let text = parameters[key] else { return nil }
    guard let number = Double(text), number.isFinite else {
      throw .invalidParameter("Param \(key):\(text.prefix(100)) is not a number")
    }
    return number
  }

  func flag(_ key: String) throws(MilvusError) -> Bool? {
    guard let text = parameters[key] else { return nil }
    switch text.lowercased() {
    case "true", "1", "t": return true
    case "false", "0", "f": return false
    default: throw .invalidParameter("\(key) params must be true/false, but got \(text.prefix(100))")
    }
  }
}

extension HybridRanker {
  /// The older form: a strategy and its parameters.
  init(strategy: String, _ parameters: RequestFields) throws {
    switch strategy.lowercased() {
    case "rrf": self = try RankFunction.reciprocal(k: try parameters.double("k") ?? 60)
    case "weighted":
      let weights = try (parameters.array("weights") ?? []).map { weight in
        guard let value = weight.double else {
          throw MilvusError.invalidParameter("rank param weight should be a number, got \(weight.kind)")
        }
        return value
      }
      self = try RankFunction.weighted(weights, normalizes: try parameters.bool("norm_score") ?? true)
    default: throw MilvusError.invalidParameter("unsupported rank type \(strategy.prefix(100))")
    }
  }
}
