internal import MoultModel
internal import MoultServer

/// Analyzers as Milvus' clients describe them: `analyzer_params` of a VarChar field or of a request, as far as Moult has what
/// they name.
extension TextAnalyzer {
  private static let known = """
    this version of Moult has the analyzers "standard" and "english", both with "stop_words"; and a "tokenizer" (standard, \
    whitespace) with a list of "filter": lowercase, asciifolding, alphanumonly, cncharonly, cnalphanumonly, removepunct, \
    {"type": "length", "max": …}, {"type": "stop", "stop_words": […]}, {"type": "stemmer", "language": "english"} behind \
    lowercase, {"type": "decompounder", "word_list": […]}; "_english_" among stop words stands for the English ones
    """

  /// Every token looks for words of a decompounder: more and longer ones would let a short request compute for long.
  private static let compoundWordsMax = 10_000
  private static let compoundWordBytesMax = 64
  private static let filtersMax = 64

  /// - Throws: 1100 for an analyzer that Moult does not have.
  init(of field: CollectionDefinition.Field) throws(MilvusError) {
    if field.parameter("multi_analyzer_params") != nil {
      throw Self.unknown("multi_analyzer_params", in: "field \(field.name)")
    }
    try self.init(parameters: field.parameter("analyzer_params") ?? "", of: "field \(field.name)")
  }

  /// - Parameters:
  ///   - parameters: JSON; empty for the standard analyzer.
  ///   - place: for messages.
  /// - Throws: 1100 for an analyzer that Moult does not have.
  init(parameters: String, of place: String) throws(MilvusError) {
    self = .standard
    if parameters.isEmpty { return }
    guard let object = (try? JSONReader.parse(parameters))?.object else {
      throw Self.unknown("analyzer_params that are no JSON object", in: place)
    }
    do throws(Unknown) {
      if let tokenizer = object["tokenizer"] {
        self = try Self.custom(tokenizer, object)
      } else {
        self = try Self.builtIn(object)
      }
    } catch {
      throw Self.unknown(error.what, in: place)
    }
  }

  private struct Unknown: Error {
    var what: String

    /// - Parameter name: of a client.
    init(_ what: String, _ name: String = "") { self.what = what + name.prefix(100) }
  }

  private static func unknown(_ what: String, in place: String) -> MilvusError {
    .invalidParameter("\(place): \(what) is not supported: \(known)")
  }

  private static func builtIn(_ object: JSONObject) throws(Unknown) -> TextAnalyzer {
    var analyzer = TextAnalyzer.standard
    var stopWords: Set<ExactText> = []
    for member in object.members {
      switch (member.key, member.value) {
      case ("type", .string("standard")): break
      case ("type", .string("english")): analyzer = .english
      case ("stop_words", let words): stopWords = try self.stopWords(words)
      case ("type", .string(let name)): throw Unknown("analyzer ", name)
      default: throw Unknown("analyzer_params with ", member.key)
      }
    }
    if !stopWords.isEmpty { analyzer.filters.append(.stop(stopWords)) }
    return analyzer
  }

  private static func custom(_ tokenizer: JSON, _ object: JSONObject) throws(Unknown) -> TextAnalyzer {
    let name = tokenizer.string ?? tokenizer["type"]?.string ?? tokenizer.kind
    let kinds = ["standard": Tokenizer.standard, "whitespace": .whitespace]
    guard let kind = kinds[name] else { throw Unknown("tokenizer ", name) }
    if let other = tokenizer.object?.members.first(where: { $0.key != "type" }) {
      throw Unknown("tokenizer \(name) with ", other.key)
    }
    if let other = object.members.first(where: { !["tokenizer", "filter"].contains($0.key) }) {
      throw Unknown("analyzer_params with ", other.key)
    }
    var analyzer = TextAnalyzer(kind, [])
    guard let list = object["filter"] else { return analyzer }
    guard let filters = list.array else { throw Unknown("filter that is no list") }
    guard filters.count <= filtersMax else { throw Unknown("a list of more than \(filtersMax) filters") }
    for filter in filters {
      analyzer.filters.append(try Self.filter(filter, behind: analyzer.filters))
    }
    return analyzer
  }

  private static func filter(_ filter: JSON, behind others: [Filter]) throws(Unknown) -> Filter {
    let name = filter.string ?? filter["type"]?.string ?? filter.kind
    let options = filter.object?.members.map(\.key).filter { $0 != "type" } ?? []
    func allow(_ names: String...) throws(Unknown) {
      if let other = options.first(where: { !names.contains($0) }) {
        throw Unknown("filter \(name) with ", other)
      }
    }
    let plain: [String: Filter] = [
      "lowercase": .lowercase, "asciifolding": .asciiFolding, "alphanumonly": .alphanumericOnly,
      "cncharonly": .ideographsOnly, "cnalphanumonly": .ideographsAndAlphanumericOnly,
      "removepunct": .withoutPunctuation,
    ]
    if let filter = plain[name] {
      try allow()
      return filter
    }
    switch name {
    case "length":
      try allow("max")
      guard case .int(let most)? = filter["max"], let length = Int(exactly: most), length >= 0 else {
        throw Unknown("a filter length without a number as max")
      }
      return .lengthMax(length)
    case "stop":
      try allow("stop_words")
      guard let words = filter["stop_words"] else { throw Unknown("a filter stop without stop_words") }
      return .stop(try stopWords(words))
    case "stemmer":
      try allow("language")
      let language = filter["language"]?.string ?? ""
      guard language.lowercased() == "english" else {
        throw Unknown("a stemmer of language ", "'\(language)'")
      }
      // It knows words in lower case alone.
      guard others.contains(.lowercase) else {
        throw Unknown("a filter stemmer without a filter lowercase before it")
      }
      return .englishStemmer
    case "decompounder":
      try allow("word_list")
      let words = filter["word_list"]?.array?.map(\.string) ?? [nil]
      guard !words.contains(nil), !words.contains("") else {
        throw Unknown("a filter decompounder without a list of texts as word_list")
      }
      guard words.count <= compoundWordsMax,
        words.allSatisfy({ ($0?.utf8.count ?? 0) <= compoundWordBytesMax })
      else {
        throw Unknown(
          "a filter decompounder with more than \(compoundWordsMax) words, or words of more than "
            + "\(compoundWordBytesMax) bytes,")
      }
      return .decompounder(Set(words.compactMap { $0.map { ExactText($0) } }))
    default: throw Unknown("filter ", name)
    }
  }

  private static func stopWords(_ json: JSON) throws(Unknown) -> Set<ExactText> {
    var words: Set<ExactText> = []
    for word in json.array ?? [json] {
      guard let word = word.string else { throw Unknown("stop_words that are no list of texts") }
      if word == "_english_" {
        words.formUnion(englishStopWords)
      } else if word.hasPrefix("_"), word.hasSuffix("_"), word.count > 2 {
        throw Unknown("the stop words ", word)
      } else {
        words.insert(ExactText(word))
      }
    }
    return words
  }
}
