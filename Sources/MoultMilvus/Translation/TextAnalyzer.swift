internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// How the words of a text are found: what `analyzer_params` of a VarChar field says, as far as Moult has it.
struct TextAnalyzer: Equatable {
  /// Left out of texts and queries.
  var stopWords: Set<String> = []
  /// Whether words are brought to their English stems before.
  var stems = false

  private static let known = """
    this version of Moult has {"type": "standard"} and {"type": "english"}, both with "stop_words", and {"tokenizer": \
    "standard", "filter": ["lowercase", {"type": "stemmer", "language": "english"}, {"type": "stop", "stop_words": […]}]}; \
    "_english_" among stop words stands for the English ones
    """

  /// - Throws: 1100 for an analyzer that Moult does not have.
  init(of field: CollectionDefinition.Field) throws(MilvusError) {
    if field.parameter("multi_analyzer_params") != nil {
      throw Self.unknown(field, "multi_analyzer_params")
    }
    guard let text = field.parameter("analyzer_params"), !text.isEmpty else { return }
    guard let object = (try? JSONReader.parse(text))?.object else {
      throw Self.unknown(field, "analyzer_params that are no JSON object")
    }
    if let tokenizer = object["tokenizer"] {
      try read(tokenizer: tokenizer, object, field)
    } else {
      try read(type: object, field)
    }
  }

  private mutating func read(type object: JSONObject, _ field: CollectionDefinition.Field) throws(MilvusError)
  {
    for member in object.members {
      switch (member.key, member.value) {
      case ("type", .string("standard")): break
      case ("type", .string("english")):
        stems = true
        stopWords.formUnion(PayloadSearch.englishStopWords)
      case ("stop_words", let words): try read(stopWords: words, field)
      case ("type", .string(let name)): throw Self.unknown(field, "analyzer \(name.prefix(100))")
      default: throw Self.unknown(field, "analyzer_params with \(member.key.prefix(100))")
      }
    }
  }

  private mutating func read(
    tokenizer: JSON, _ object: JSONObject, _ field: CollectionDefinition.Field
  ) throws(MilvusError) {
    let name = tokenizer.string ?? tokenizer["type"]?.string ?? tokenizer.kind
    guard name == "standard", (tokenizer.object?.members.count ?? 1) == 1 else {
      throw Self.unknown(field, "tokenizer \(name.prefix(100))")
    }
    if let other = object.members.first(where: { !["tokenizer", "filter"].contains($0.key) }) {
      throw Self.unknown(field, "analyzer_params with \(other.key.prefix(100))")
    }
    let filters = object["filter"]?.array ?? []
    // Words are always compared in lower case.
    guard let first = filters.first, (first.string ?? first["type"]?.string) == "lowercase" else {
      throw Self.unknown(field, "a standard tokenizer whose first filter is not lowercase")
    }
    for filter in filters.dropFirst() {
      let name = filter.string ?? filter["type"]?.string ?? filter.kind
      switch name {
      case "lowercase": break
      case "stemmer":
        let language = filter["language"]?.string ?? ""
        guard language == "english" else {
          throw Self.unknown(field, "a stemmer of language '\(language.prefix(100))'")
        }
        guard stopWords.isEmpty else { throw Self.unknown(field, "a filter stop before the stemmer") }
        stems = true
      case "stop":
        guard let words = filter["stop_words"] else {
          throw Self.unknown(field, "a filter stop without stop_words")
        }
        try read(stopWords: words, field)
      default: throw Self.unknown(field, "filter \(name.prefix(100))")
      }
    }
  }

  private mutating func read(stopWords json: JSON, _ field: CollectionDefinition.Field) throws(MilvusError) {
    for word in json.array ?? [json] {
      guard let word = word.string else { throw Self.unknown(field, "stop_words that are no list of texts") }
      if word == "_english_" {
        stopWords.formUnion(PayloadSearch.englishStopWords)
      } else if word.hasPrefix("_"), word.hasSuffix("_"), word.count > 2 {
        throw Self.unknown(field, "the stop words \(word.prefix(100))")
      } else {
        stopWords.insert(word)
      }
    }
  }

  private static func unknown(_ field: CollectionDefinition.Field, _ what: String) -> MilvusError {
    .invalidParameter("field \(field.name): \(what) is not supported: \(known)")
  }
}
