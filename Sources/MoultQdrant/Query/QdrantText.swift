internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Words to be found in a text of the payload, by BM25 over all points that have it.
struct QdrantText: Sendable, Equatable {
  var text: String
  var k = 1.2
  var b = 0.75

  /// A text, or `{"query", "scoring": {"bm25": {"k", "b"}}}`.
  init(_ json: JSON, at path: String) throws(QdrantError) {
    if let text = json.string {
      self.text = text
      return
    }
    let fields = try QdrantFields(json, at: path)
    text = try fields.required("query", try fields.string("query"))
    guard let bm25 = try fields.fields("scoring")?.fields("bm25") else { return }
    k = try bm25.double("k") ?? k
    b = try bm25.double("b") ?? b
    guard (0...3).contains(k) else {
      throw .validation("[\(bm25.place("k")): value \(k) invalid, must be from 0.0 to 3.0]")
    }
    guard (0...1).contains(b) else {
      throw .validation("[\(bm25.place("b")): value \(b) invalid, must be from 0.0 to 1.0]")
    }
  }
}

extension QdrantQueryRun {
  /// Points that have one of the words, best first.
  ///
  /// - Throws: 400 unless `using` names a text of the payload that has an index with scores.
  func hits(
    of text: QdrantText, _ query: QdrantQuery, _ filter: PointFilter?, payload: Bool
  ) async throws -> [QdrantHit] {
    guard let field = query.using else {
      throw QdrantError.badRequest("A text query needs `using` to name the payload field to search")
    }
    let index = collection.definition.payloadIndexes.first { $0.field == field }
    guard let index, index.type == "text", let scoring = index.schema["scoring"], scoring != .bool(false)
    else {
      throw QdrantError.badRequest("A text query needs a text index with `scoring` on `\(field)`")
    }
    if let other = index.analyzing {
      throw QdrantError.badRequest(
        "the text index on `\(field)` has `\(other)`: text queries take words in lower case as they stand, with the tokenizer "
          + "`word` and nothing else")
    }
    guard case .key(let member)? = QdrantPath(field)?.steps.first, QdrantPath(field)?.steps.count == 1 else {
      throw QdrantError.badRequest(
        "text queries search texts at the top of the payload; `\(field)` leads further in")
    }
    let words = Engine.words(of: text.text)
    if words.isEmpty { return [] }
    let response = try await engine.search(
      PayloadSearch(
        field: member, scoring: .bm25(k1: text.k, b: text.b),
        queries: [.text(words.sorted().joined(separator: " "))],
        limit: query.limit, offset: query.offset, filter: filter, corpus: try corpus(query),
        includePayload: payload), in: collection.name)
    let hits = response.hits[0].map {
      QdrantHit(id: $0.id, score: $0.score, payload: payload ? .some($0.payload) : nil)
    }
    return cut(hits, at: query.scoreThreshold, higherIsNearer: true)
  }
}

extension QdrantDefinition.PayloadIndex {
  /// What of an index on texts makes other words of them than those that stand there; `nil` for nothing.
  fileprivate var analyzing: String? {
    let plain: [String: [JSON]] = [
      "tokenizer": [.string("word")], "lowercase": [.bool(true)], "ascii_folding": [.bool(false)],
      "stemmer": [.object(["type": .string("none")])], "stopwords": [], "min_token_len": [],
      "max_token_len": [],
      "nested": [],
    ]
    return schema.object?.members.first { member in
      plain[member.key].map { member.value != .null && !$0.contains(member.value) } ?? false
    }?.key
  }
}
