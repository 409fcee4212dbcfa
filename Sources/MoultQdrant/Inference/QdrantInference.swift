internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Vectors that the server makes of texts: sparse ones by `qdrant/bm25`, dense ones of queries by the embedder that made
/// those of the collection.
enum QdrantInference {
  static let bm25 = "qdrant/bm25"

  enum Use {
    /// A point's vector: how often its words stand there.
    case stored
    /// A query's: which words are asked for.
    case asked
  }

  /// - Throws: 400 for another model, and for options that it has not.
  static func sparse(_ document: QdrantDocument, as use: Use) throws(QdrantError) -> QdrantSparseVector {
    guard document.model.lowercased() == bm25 else { throw refusal(of: document, for: "a sparse vector") }
    let vector = Engine.sparseVector(
      of: document.text, try QdrantBM25(document.options).weights, isAsked: use == .asked)
    return QdrantSparseVector(indices: vector.indices, values: vector.values)
  }

  /// Of a query, by the model of the stored vectors: the one that is named, or, by no name, whichever it is, so that a
  /// client needs not know when the model changes.
  ///
  /// - Throws: 400 for another model, or where none is known; `unavailable` and `overloaded` when it does not answer.
  static func dense(_ document: QdrantDocument, like vector: QdrantVector, by engine: Engine) async throws
    -> [Float]
  {
    guard document.options.members.isEmpty else {
      throw QdrantError.badRequest("options: the model of a dense vector takes none here")
    }
    do {
      return try await engine.queryVectors(
        of: [document.text], ofModel: document.model.isEmpty ? nil : document.model, in: vector.target)[0]
    } catch let error as MoultError where error.code == .invalidArgument {
      throw refusal(of: document, for: "a dense vector", because: error.message)
    }
  }

  /// - Parameter vector: what was to be made, with its article.
  static func refusal(of document: QdrantDocument, for vector: String, because reason: String? = nil)
    -> QdrantError
  {
    .badRequest(
      "InferenceService is not initialized for model `\(document.model.prefix(200))`: \(vector) cannot be made of a text by "
        + "it here\(reason.map { ": \($0)" } ?? ""). There is `\(bm25)`, for sparse vectors; send other vectors themselves"
    )
  }
}

/// Options of `qdrant/bm25`.
struct QdrantBM25 {
  var weights = TextWeighting()

  /// - Throws: 400, 422.
  init(_ options: JSONObject) throws(QdrantError) {
    let fields = QdrantFields(options, at: "options")
    let known: Set<String> = [
      "k", "b", "avg_len", "tokenizer", "language", "lowercase", "ascii_folding", "stopwords", "stemmer",
      "min_token_len", "max_token_len",
    ]
    if let other = options.members.first(where: { !known.contains($0.key) }) {
      throw .badRequest(
        "options: unknown field `\(other.key.prefix(100))`, expected \(known.sorted().joined(separator: ", "))"
      )
    }
    weights.k = try Self.number("k", of: fields, in: 0...100) ?? weights.k
    weights.b = try Self.number("b", of: fields, in: 0...1) ?? weights.b
    weights.averageLength =
      try Self.number("avg_len", of: fields, in: 1e-3...1e9) ?? weights.averageLength
    if let tokenizer = try fields.string("tokenizer"), tokenizer != "word" {
      throw .badRequest(
        "options.tokenizer: `\(tokenizer.prefix(100))` is not available here, expected `word`")
    }
    if try fields.bool("ascii_folding") == true {
      throw .badRequest("options.ascii_folding is not available here")
    }
    if try fields.bool("lowercase") == false {
      throw .badRequest("options.lowercase: words are compared in lower case here")
    }
    switch try fields.string("language")?.lowercased() {
    case nil, "english"?: break
    case "none"?: (weights.stems, weights.stopWords) = (false, [])
    case let other?:
      throw .badRequest(
        "options.language: `\(other.prefix(100))` is not available here, expected `english` or `none`")
    }
    switch fields["stemmer"] {
    case nil: break
    case .object(let object)? where object["type"] == .string("none"): weights.stems = false
    case .object(let object)?
    where object["type"] == .string("snowball") && object["language"] == .string("english"):
      weights.stems = true
    default:
      throw .badRequest(
        "options.stemmer: expected {\"type\": \"none\"} or {\"type\": \"snowball\", \"language\": \"english\"}"
      )
    }
    if let json = fields["stopwords"] { weights.stopWords = try Self.stopWords(json) }
    weights.lengthMin = max(1, try fields.count("min_token_len") ?? 1)
    weights.lengthMax = try fields.count("max_token_len") ?? weights.lengthMax
  }

  private static func number(
    _ name: String, of fields: QdrantFields, in range: ClosedRange<Double>
  ) throws(QdrantError) -> Double? {
    guard let value = try fields.double(name) else { return nil }
    guard range.contains(value) else {
      throw .validation(
        "[\(fields.place(name)): value \(value) invalid, must be from \(range.lowerBound) to \(range.upperBound)]"
      )
    }
    return value
  }

  /// A language, or `{"languages": […], "custom": […]}`.
  private static func stopWords(_ json: JSON) throws(QdrantError) -> Set<String> {
    var (languages, custom): ([String], [String]) = ([], [])
    if let language = json.string {
      languages = [language]
    } else {
      let fields = try QdrantFields(json, at: "options.stopwords")
      languages = try fields.strings("languages") ?? []
      custom = try fields.strings("custom") ?? []
    }
    if let other = languages.first(where: { $0.lowercased() != "english" }) {
      throw .badRequest("options.stopwords: `\(other.prefix(100))` is not available here, expected `english`")
    }
    return Set(custom.map { $0.lowercased() }).union(languages.isEmpty ? [] : TextWeighting.englishStopWords)
  }
}
