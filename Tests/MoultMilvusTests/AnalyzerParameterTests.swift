import MoultModel
import MoultServer
import MoultServerTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus: analyzers")
struct AnalyzerParameterTests {
  private func analyzer(_ parameters: String?) throws -> TextAnalyzer {
    var field = CollectionDefinition.Field(name: "text", type: .varChar)
    if let parameters { field.parameters = [.init(key: "analyzer_params", value: parameters)] }
    return try TextAnalyzer(of: field)
  }

  private static let english = TextAnalyzer.englishStopWords

  @Test("the built-in ones, with stop words of one's own")
  func builtIn() throws {
    for standard in [nil, "", "{}", #"{"type": "standard"}"#, #"{"stop_words": []}"#] {
      #expect(try analyzer(standard) == .standard)
    }
    #expect(
      try analyzer(#"{"type": "standard", "stop_words": ["of", "to"]}"#)
        == TextAnalyzer(.standard, [.lowercase, .stop(["of", "to"])]))
    #expect(
      try analyzer(#"{"stop_words": "_english_"}"#)
        == TextAnalyzer(.standard, [.lowercase, .stop(Self.english)]))
    #expect(try analyzer(#"{"type": "english"}"#) == .english)
    #expect(
      try analyzer(#"{"stop_words": ["fox"], "type": "english"}"#)
        == TextAnalyzer(.standard, [.lowercase, .englishStemmer, .stop(Self.english), .stop(["fox"])]))
  }

  @Test("tokenizers and filters, in the order given")
  func custom() throws {
    #expect(try analyzer(#"{"tokenizer": "standard"}"#) == TextAnalyzer(.standard, []))
    #expect(
      try analyzer(
        """
        {"tokenizer": {"type": "whitespace"}, "filter": ["asciifolding", {"type": "lowercase"}, "alphanumonly",
        "cncharonly", "cnalphanumonly", "removepunct", {"type": "length", "max": 9},
        {"type": "stemmer", "language": "English"}, {"type": "stop", "stop_words": ["of", "_english_"]},
        {"type": "decompounder", "word_list": ["a", "b"]}]}
        """)
        == TextAnalyzer(
          .whitespace,
          [
            .asciiFolding, .lowercase, .alphanumericOnly, .ideographsOnly, .ideographsAndAlphanumericOnly,
            .withoutPunctuation, .lengthMax(9), .englishStemmer, .stop(Self.english.union(["of"])),
            .decompounder(["a", "b"]),
          ]))
  }

  @Test("a decompounder has so many words of such a length, and a list so many filters")
  func bounds() {
    func decompounder(_ words: [String]) -> String {
      let list = words.map { "\"\($0)\"" }.joined(separator: ",")
      return #"{"tokenizer": "standard", "filter": [{"type": "decompounder", "word_list": ["# + list + "]}]}"
    }
    #expect(throws: Never.self) { try analyzer(decompounder((0..<10_000).map { "w\($0)" })) }
    #expect(throws: Never.self) { try analyzer(decompounder([String(repeating: "a", count: 64)])) }
    #expect(throws: MilvusError.self) { try analyzer(decompounder((0...10_000).map { "w\($0)" })) }
    #expect(throws: MilvusError.self) { try analyzer(decompounder([String(repeating: "a", count: 65)])) }
    let filters = [String](repeating: "\"lowercase\"", count: 65).joined(separator: ",")
    #expect(throws: MilvusError.self) {
      try analyzer("{\"tokenizer\": \"standard\", \"filter\": [" + filters + "]}")
    }
  }

  @Test(
    "what Moult does not have is refused, and what it has is said",
    arguments: [
      (#"{"type": "chinese"}"#, "analyzer chinese"), (#"{"tokenizer": "jieba"}"#, "tokenizer jieba"),
      (#"{"tokenizer": {"type": "standard", "uax29": true}}"#, "tokenizer standard with uax29"),
      ("[]", "no JSON object"), ("x", "no JSON object"), (#"{"tokenizer": 1}"#, "tokenizer"),
      (#"{"tokenizer": "standard", "filter": ["pinyin"]}"#, "filter pinyin"),
      (#"{"tokenizer": "standard", "filter": "lowercase"}"#, "filter that is no list"),
      (#"{"tokenizer": "standard", "filter": [{"type": "regex", "expr": "a"}]}"#, "filter regex"),
      (#"{"tokenizer": "standard", "filter": [{"type": "lowercase", "x": 1}]}"#, "filter lowercase with x"),
      (#"{"tokenizer": "standard", "filter": [{"type": "stop"}]}"#, "without stop_words"),
      (#"{"tokenizer": "standard", "filter": [{"type": "length", "max": -1}]}"#, "a filter length without"),
      (#"{"tokenizer": "standard", "filter": [{"type": "length", "min": 1}]}"#, "filter length with min"),
      (#"{"tokenizer": "standard", "filter": [{"type": "decompounder", "word_list": [1]}]}"#, "word_list"),
      (#"{"stop_words": ["_german_"]}"#, "_german_"), (#"{"stop_words": [1]}"#, "no list of texts"),
      (
        #"{"tokenizer": "standard", "filter": [{"type": "stemmer", "language": "english"}]}"#,
        "without a filter lowercase before it"
      ),
      (
        #"{"tokenizer": "standard", "filter": ["lowercase", {"type": "stemmer", "language": "german"}]}"#,
        "stemmer of language 'german'"
      ),
      (#"{"type": "standard", "max_token_length": 3}"#, "max_token_length"),
      (#"{"tokenizer": "standard", "filter": ["lowercase"], "alias": 1}"#, "alias"),
    ])
  func unknown(parameters: String, says: String) {
    let error = #expect(throws: MilvusError.self) { try analyzer(parameters) }
    #expect(error?.code == 1100 && error?.message.contains(says) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains(#"this version of Moult has the analyzers "standard""#) == true)
  }

  // MARK: Through the server

  private static func schema(_ parameters: String) -> String {
    """
    {"collectionName":"c","schema":{"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true},
    {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}},
    {"fieldName":"text","dataType":"VarChar","nullable":true,"elementTypeParams":{"max_length":100\(parameters)}}]},
    "indexParams":[{"fieldName":"v","metricType":"L2","indexType":"FLAT"}]}
    """
  }

  @Test("fields are checked when they are made")
  func fields() async throws {
    try await withMilvus { server in
      let bad = [
        (#","enable_match":true"#, "enable_match takes enable_analyzer"),
        (#","enable_analyzer":true,"analyzer_params":{"type":"chinese"}"#, "analyzer chinese"),
      ]
      for (parameters, says) in bad {
        let message = try await server.failure(1100, "collections/create", Self.schema(parameters))
        #expect(message.contains(says), "\(message)")
      }
      let key = #"""
        {"collectionName":"c","schema":{"fields":[{"fieldName":"id","dataType":"VarChar","isPrimary":true,
        "elementTypeParams":{"max_length":9,"enable_analyzer":true,"enable_match":true}},
        {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}}]}}
        """#
      #expect(try await server.failure(1100, "collections/create", key).contains("of the primary key"))
      let number = #"""
        {"collectionName":"c","schema":{"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true},
        {"fieldName":"n","dataType":"Int64","elementTypeParams":{"enable_analyzer":true}},
        {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}}]}}
        """#
      #expect(try await server.failure(1100, "collections/create", number).contains("has no text"))
    }
  }

  @Test("filters ask for terms as the field's analyzer finds them; null is neither a match nor none")
  func filters() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        Self.schema(#","enable_analyzer":true,"enable_match":true,"analyzer_params":{"type":"english"}"#))
      try await server.success(
        "entities/insert",
        """
        {"collectionName":"c","data":[{"id":1,"v":[0,0],"text":"The runners were running"},
        {"id":2,"v":[1,0],"text":"Machine learning boosts efficiency"},{"id":3,"v":[2,0],"text":null},
        {"id":4,"v":[3,0],"text":"learning of machines"}]}
        """)
      let ids = { (filter: String) async throws -> [Int64] in
        let rows = try await server.success(
          "entities/query", #"{"collectionName":"c","filter":"\#(filter)","outputFields":["id"]}"#)
        return rows.array?.compactMap { if case .int(let id)? = $0["id"] { id } else { nil } } ?? []
      }
      let cases: [(String, [Int64])] = [
        ("text_match(text, 'run')", [1]), ("TEXT_MATCH(text, 'Runner boosting')", [1, 2]),
        ("text_match(text, 'machine learns', minimum_should_match=2)", [2, 4]),
        ("not text_match(text, 'learn')", [1]), ("text_match(text, 'the of')", []),
        ("phrase_match(text, 'machine learning')", [2]),
        ("phrase_match(text, 'machine learning', 3)", [2, 4]),
        ("PHRASE_MATCH(text, 'runners running', 0) or id == 3", [3]),
        ("phrase_match(text, 'runners running', 1) and id > 0", [1]),
      ]
      for (filter, expected) in cases { #expect(try await ids(filter) == expected, "\(filter)") }
      // The same as a search's condition, which is kept with its rows.
      for _ in 0..<2 {
        let hits = try await server.success(
          "entities/search", #"{"collectionName":"c","data":[[3,0]],"filter":"text_match(text, 'learn')"}"#)
        #expect(hits.array?.map { $0["id"] } == [.int(4), .int(2)])
      }
      let bad = [
        "text_match(id, 'a')", "text_match(text)", "text_match(text, 1)", "text_match(text, 'a', 2)",
        "text_match(text, 'a', minimum_should_match=0)", "text_match(text, 'a', minimum_should_match=1001)",
        "phrase_match(text, 'a', -1)", "phrase_match(text, 'a', 'b')", "text_match('a', text)",
        "text_match(other, 'a')", "text_match(text, 'a') == 1", "phrase_match(text, 'a', 4294967296)",
      ]
      for filter in bad {
        let message = try await server.failure(
          1100, "entities/query", #"{"collectionName":"c","filter":"\#(filter)"}"#)
        #expect(message.contains("at byte "), "\(filter): \(message)")
      }
    }
  }

  @Test("run_analyzer shows tokens, by a description or by a field, with where they stood when asked to")
  func tryOut() async throws {
    try await withMilvus { server in
      let tokens = { (body: String) async throws -> [[String]] in
        let data = try await server.success("common/run_analyzer", body)
        return data.array?.map { $0["tokens"]?.array?.compactMap { $0["token"]?.string } ?? [] } ?? []
      }
      #expect(
        try await tokens(
          #"{"text":["An efficient system", "two"],"analyzerParams":"{\"stop_words\":[\"an\"]}"}"#)
          == [["efficient", "system"], ["two"]])
      let whole = try await server.success(
        "common/run_analyzer",
        #"{"text":["of É"],"analyzerParams":"{\"stop_words\":[\"of\"]}","withDetail":true,"withHash":true}"#)
      let token = try #require(whole.array?.first?["tokens"]?.array?.first)
      for (name, value) in [("start_offset", 3), ("end_offset", 5), ("position", 1), ("position_length", 1)] {
        #expect(token[name] == .int(Int64(value)), "\(name)")
      }
      #expect(token["hash"] != nil)
      try await server.success(
        "collections/create",
        Self.schema(#","enable_analyzer":true,"analyzer_params":{"type":"english"}"#))
      #expect(
        try await tokens(#"{"text":["the foxes"],"collectionName":"c","fieldName":"text"}"#) == [["fox"]])
      for body in [
        #"{"text":["a"],"collectionName":"c","fieldName":"id"}"#,
        #"{"text":["a"],"collectionName":"c","fieldName":"x"}"#,
        #"{"text":["a"],"analyzerParams":"{\"type\":\"korean\"}"}"#,
        #"{"text":["a"],"analyzerNames":["en"]}"#,
      ] { try await server.failure(1100, "common/run_analyzer", body) }
      try await server.failure(
        100, "common/run_analyzer", #"{"text":["a"],"collectionName":"x","fieldName":"y"}"#)
      try await server.failure(1802, "common/run_analyzer", "{}")
      try await server.failure(1801, "common/run_analyzer", #"{"text":"a"}"#)
    }
  }
}
