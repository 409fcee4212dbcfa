internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantQuery {
  /// Members that hold one vector.
  static let floatKeys: JSONFloatKeys = ["query", "nearest", "vector", "target"]

  /// - Parameter depth: prefetches around it.
  init(_ fields: QdrantFields, depth: Int = 0) throws(QdrantError) {
    guard depth <= Self.depthMax else {
      throw .badRequest("prefetches may lie \(Self.depthMax) deep in each other")
    }
    if let prefetch = fields["prefetch"] {
      for (index, json) in (prefetch.array ?? [prefetch]).enumerated() {
        let place = "\(fields.place("prefetch"))[\(index)]"
        prefetches.append(try QdrantQuery(try QdrantFields(json, at: place), depth: depth + 1))
      }
    }
    kind = try fields["query"].map { json throws(QdrantError) in
      try Kind(json, at: fields.place("query"))
    }
    try readCommon(fields)
    limit = try fields.count("limit", atLeast: 1) ?? 10
    if depth == 0 {
      offset = try fields.count("offset") ?? 0
      guard queryCount <= Self.prefetchCountMax else {
        throw .badRequest("a query takes \(Self.prefetchCountMax) prefetches at most, got \(queryCount - 1)")
      }
    }
    _ = try Self.wanted(limit, offset)
  }

  /// Hits that are asked for, with those that are passed over.
  ///
  /// - Throws: 400 for more than one search gives.
  static func wanted(_ limit: Int, _ offset: Int) throws(QdrantError) -> Int {
    guard limit <= Engine.limitMax, offset <= Engine.limitMax - limit else {
      throw .badRequest("limit + offset may be at most \(Engine.limitMax), got \(limit) and \(offset)")
    }
    return limit + offset
  }

  fileprivate static func requireCount(
    _ count: Int, of what: String, atMost countMax: Int, at place: String
  ) throws(QdrantError) {
    guard count <= countMax else {
      throw .badRequest("\(place): expected at most \(countMax) \(what), got \(count)")
    }
  }

  /// What every form of query has.
  mutating func readCommon(_ fields: QdrantFields) throws(QdrantError) {
    using = try fields.string("using")
    filter = try fields["filter"].map { json throws(QdrantError) in
      try QdrantFilter(json, at: fields.place("filter"))
    }
    parameters =
      try fields.fields("params").map { fields throws(QdrantError) in try Parameters(fields) } ?? .init()
    scoreThreshold = try fields.double("score_threshold").map(Float.init)
    lookup = try fields.fields("lookup_from").map { fields throws(QdrantError) in
      Lookup(
        collection: try fields.required("collection", try fields.string("collection")),
        vector: try fields.string("vector"))
    }
  }

  private var queryCount: Int { prefetches.reduce(1) { $0 + $1.queryCount } }
}

extension QdrantQuery.Parameters {
  init(_ fields: QdrantFields) throws(QdrantError) {
    ef = try fields.count("hnsw_ef", atLeast: 1)
    exact = try fields.bool("exact") ?? false
    _ = try fields.bool("indexed_only")
    switch fields["idf"] {
    case nil, .string("global")?: break
    case .object(let object)?:
      let idf = QdrantFields(object, at: fields.place("idf"))
      corpus = try idf["corpus"].map { json throws(QdrantError) in
        try QdrantFilter(json, at: idf.place("corpus"))
      }
    case let other?:
      throw .format("\(fields.place("idf")): expected `global` or an object with `corpus`, got \(other.kind)")
    }
    guard let quantization = try fields.fields("quantization") else { return }
    let ignores = try quantization.bool("ignore") ?? false
    let rescores = try quantization.bool("rescore")
    let factor = try quantization.double("oversampling")
    if let factor, factor < 1 {
      throw .validation(
        "[\(quantization.place("oversampling")): value \(factor) invalid, must be 1.0 or larger]")
    }
    // Codes alone have the last word where nothing is rescored.
    oversampling = ignores ? nil : rescores == false ? 1 : factor.map { rescores == true ? max(2, $0) : $0 }
  }
}

extension QdrantQuery.Example {
  init(_ json: JSON, at path: String) throws(QdrantError) {
    switch json {
    case .floats(let values): self = .dense(values)
    case .array(let values):
      if values.contains(where: { $0.array != nil }) {
        self = .multi(try QdrantMultiVector(json, at: path))
        return
      }
      guard let floats = json.floats else {
        throw .format("\(path): expected numbers of float32 in a vector")
      }
      self = .dense(floats)
    case .int, .large, .string: self = .id(try QdrantPointID.read(json, at: path))
    case .object:
      if let sparse = try QdrantSparseVector(json, at: path) {
        self = .sparse(sparse)
      } else if let document = try QdrantDocument(json, at: path) {
        self = .document(document)
      } else {
        throw .format("\(path): expected a vector, a sparse vector or a point ID")
      }
    case .null, .bool, .double: throw .format("\(path): expected a vector or a point ID, got \(json.kind)")
    }
  }

  static func list(_ fields: QdrantFields, _ name: String) throws(QdrantError) -> [Self] {
    let given = try fields.array(name) ?? []
    try QdrantQuery.requireCount(
      given.count, of: "examples", atMost: ExampleSearch.exampleCountMax, at: fields.place(name))
    var examples: [Self] = []
    for (index, json) in given.enumerated() {
      examples.append(try Self(json, at: "\(fields.place(name))[\(index)]"))
    }
    return examples
  }
}

extension QdrantQuery.Pair {
  init(_ json: JSON, at path: String) throws(QdrantError) {
    let fields = try QdrantFields(json, at: path)
    positive = try .init(try fields.required("positive", fields["positive"]), at: fields.place("positive"))
    negative = try .init(try fields.required("negative", fields["negative"]), at: fields.place("negative"))
  }

  /// One pair, or a list.
  static func list(_ json: JSON, at path: String) throws(QdrantError) -> [Self] {
    let given = json.array ?? [json]
    try QdrantQuery.requireCount(
      given.count, of: "pairs", atMost: ExampleSearch.exampleCountMax / 2, at: path)
    var pairs: [Self] = []
    for (index, json) in given.enumerated() {
      pairs.append(try Self(json, at: "\(path)[\(index)]"))
    }
    return pairs
  }
}

extension QdrantQuery.Kind {
  init(_ json: JSON, at path: String) throws(QdrantError) {
    guard case .object(let object) = json, object["indices"] == nil, object["model"] == nil else {
      self = .nearest(try .init(json, at: path), nil)
      return
    }
    let fields = QdrantFields(object, at: path)
    let kinds = [
      "nearest", "recommend", "discover", "context", "order_by", "fusion", "rrf", "formula", "sample",
      "relevance_feedback", "text",
    ]
    guard let kind = kinds.first(where: { fields[$0] != nil }), let value = fields[kind] else {
      throw .format("\(path): expected one of \(kinds.map { "`\($0)`" }.joined(separator: ", "))")
    }
    let place = fields.place(kind)
    switch kind {
    case "nearest": self = .nearest(try .init(value, at: place), try Self.diversity(fields))
    case "recommend": self = try .recommendation(try QdrantFields(value, at: place))
    case "discover":
      let fields = try QdrantFields(value, at: place)
      self = .discover(
        try .init(try fields.required("target", fields["target"]), at: fields.place("target")),
        try fields["context"].map { json throws(QdrantError) in
          try QdrantQuery.Pair.list(json, at: fields.place("context"))
        } ?? [])
    case "context":
      let pairs = try QdrantQuery.Pair.list(value, at: place)
      guard !pairs.isEmpty else { throw .badRequest("\(place): expected at least one pair") }
      self = .context(pairs)
    case "order_by": self = .orderBy(try QdrantOrder(value, at: place))
    case "sample":
      guard value == .string("random") else { throw .format("\(place): expected `random`") }
      self = .sample
    case "fusion":
      switch value.string {
      case "rrf": self = .fusion(.reciprocal(k: nil, weights: nil))
      case "dbsf": self = .fusion(.distribution)
      default: throw .format("\(place): expected `rrf` or `dbsf`")
      }
    case "rrf":
      let fields = try QdrantFields(value, at: place)
      var weights: [Float]?
      if let given = try fields.array("weights") {
        guard let floats = JSON.array(given).floats else {
          throw .format("\(fields.place("weights")): expected numbers")
        }
        weights = floats
      }
      self = .fusion(.reciprocal(k: try fields.count("k", atLeast: 1), weights: weights))
    case "formula": self = .formula(try QdrantFormula(fields))
    case "text": self = .text(try QdrantText(value, at: place))
    default: self = try .relevanceFeedback(try QdrantFields(value, at: place))
    }
  }

  private static func diversity(_ fields: QdrantFields) throws(QdrantError) -> QdrantQuery.Diversity? {
    guard let fields = try fields.fields("mmr") else { return nil }
    let diversity = try fields.double("diversity") ?? 0.5
    guard (0...1).contains(diversity) else {
      throw .validation("[\(fields.place("diversity")): value \(diversity) invalid, must be from 0.0 to 1.0]")
    }
    return .init(diversity: diversity, candidates: try fields.count("candidates_limit", atLeast: 1))
  }

  /// Also the whole of a legacy request.
  static func recommendation(_ fields: QdrantFields) throws(QdrantError) -> Self {
    let word = try fields.string("strategy") ?? QdrantQuery.Strategy.averageVector.rawValue
    guard let strategy = QdrantQuery.Strategy(rawValue: word) else {
      throw .format(
        "\(fields.place("strategy")): unknown variant `\(word.prefix(100))`, expected one of "
          + QdrantQuery.Strategy.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "))
    }
    let positive = try QdrantQuery.Example.list(fields, "positive")
    let negative = try QdrantQuery.Example.list(fields, "negative")
    if positive.isEmpty, strategy == .averageVector || negative.isEmpty {
      throw .badRequest(
        "At least one positive vector ID required with this strategy (`\(strategy.rawValue)`)")
    }
    return .recommend(positive: positive, negative: negative, strategy)
  }

  private static func relevanceFeedback(_ fields: QdrantFields) throws(QdrantError) -> Self {
    let target = try QdrantQuery.Example(
      try fields.required("target", fields["target"]), at: fields.place("target"))
    let given = try fields.array("feedback") ?? []
    try QdrantQuery.requireCount(
      given.count, of: "examples", atMost: QdrantQuery.feedbackCountMax, at: fields.place("feedback"))
    var feedback: [QdrantQuery.Feedback] = []
    for (index, json) in given.enumerated() {
      let item = try QdrantFields(json, at: "\(fields.place("feedback"))[\(index)]")
      feedback.append(
        .init(
          example: try .init(try item.required("example", item["example"]), at: item.place("example")),
          score: Float(try item.required("score", try item.double("score")))))
    }
    guard let naive = try fields.fields("strategy")?.fields("naive") else {
      throw .format("\(fields.place("strategy")): expected `naive`")
    }
    func weight(_ name: String) throws(QdrantError) -> Float {
      Float(try naive.required(name, try naive.double(name)))
    }
    return .feedback(
      target, feedback, .init(a: try weight("a"), b: try weight("b"), c: try weight("c")))
  }
}
