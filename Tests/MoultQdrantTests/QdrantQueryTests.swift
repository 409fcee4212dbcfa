import MoultModel
import MoultServer
import Testing

@testable import MoultQdrant

@Suite("Qdrant's kinds of query")
struct QdrantQueryTests {
  private func hits(_ scores: KeyValuePairs<Int64, Float>) -> [QdrantHit] {
    scores.map { QdrantHit(id: .int64($0.key), score: $0.value) }
  }

  /// Numbers of qdrant-client 1.20.0 for the same rankings.
  @Test("fusion gives the numbers of Qdrant's client")
  func fusion() throws {
    let rankings = [hits([1: 0.9, 2: 0.8, 3: 0.1]), hits([3: 7, 4: 5]), hits([2: 1])]
    let cases: [(QdrantFusion, [(Int64, Float)])] = [
      (.reciprocal(k: nil, weights: nil), [(2, 0.833333), (3, 0.75), (1, 0.5), (4, 0.333333)]),
      (.reciprocal(k: 5, weights: [3, 1, 0]), [(3, 0.4), (1, 0.230769), (2, 0.214286), (4, 0.166667)]),
      (.distribution, [(2, 1.076472), (3, 0.926671), (1, 0.614708), (4, 0.382149)]),
    ]
    for (fusion, expected) in cases {
      let fused = try fusion.fused(rankings)
      #expect(fused.map(\.id) == expected.map { .int64($0.0) })
      for (hit, (_, score)) in zip(fused, expected) { #expect(abs(hit.score - score) < 1e-5) }
    }
    #expect(throws: QdrantError.self) { try QdrantFusion.reciprocal(k: 2, weights: [1]).fused(rankings) }
    #expect(try QdrantFusion.distribution.fused([hits([:]), hits([7: 3])]).map(\.score) == [0.5])
  }

  @Test("the most diverse of near ones is chosen, and of equal ones the last")
  func diversity() {
    // On a line: relevance falls with the distance from 0, similarity with that from each other.
    let places: [Float] = [0, 0.1, 5, 5.1]
    func chosen(_ balance: Float, _ limit: Int = 4) -> [Int] {
      QdrantDiversity.choose(limit, relevance: places.map { -$0 }, balance: balance) {
        -abs(places[$0] - places[$1])
      }
    }
    #expect(chosen(1) == [0, 1, 2, 3])
    #expect(chosen(0, 2) == [0, 3])
    #expect(chosen(0.5, 1) == [0])
    #expect(QdrantDiversity.choose(3, relevance: [1, 1, 1], balance: 1) { _, _ in 0 } == [2, 1, 0])
    #expect(QdrantDiversity.choose(3, relevance: [], balance: 1) { _, _ in 0 } == [])
  }

  private func formula(_ text: String, defaults: String = "{}") throws -> QdrantFormula {
    let json = try JSONReader.parse(#"{"formula":\#(text),"defaults":\#(defaults)}"#)
    return try QdrantFormula(try QdrantFields(json))
  }

  private func value(_ text: String, defaults: String = "{}") throws -> Float {
    let payload = #"{"n":3,"list":[1,2],"one":[4],"at":"1970-01-02","place":{"lat":0,"lon":1},"empty":[]}"#
    return try formula(text, defaults: defaults).score(
      .init(
        id: .int64(1), payload: try #require(try JSONReader.parse(payload).object), scores: [0.5, nil],
        matches: [true, false]))
  }

  @Test(
    "formulas",
    arguments: [
      ("2.5", 2.5), (#""$score""#, 0.5), (#""$score[0]""#, 0.5), (#""$score[1]""#, 0), (#""$score[9]""#, 0),
      (#""n""#, 3), (#""one""#, 4), (#""list[1]""#, 2), (#"{"sum":["n",{"neg":2},{"abs":-4}]}"#, 5),
      (#"{"mult":["n",2]}"#, 6), (#"{"mult":[0,"missing"]}"#, 0), (#"{"div":{"left":1,"right":4}}"#, 0.25),
      (#"{"div":{"left":1,"right":0,"by_zero_default":9}}"#, 9), (#"{"div":{"left":0,"right":0}}"#, 0),
      (#"{"max":[1,"n"]}"#, 3), (#"{"min":[1,"n"]}"#, 1), (#"{"sqrt":16}"#, 4),
      (#"{"pow":{"base":2,"exponent":10}}"#, 1024), (#"{"exp":0}"#, 1), (#"{"log10":1000}"#, 3),
      (#"{"ln":1}"#, 0),
      (#"{"acosh":1}"#, 0), (#"{"datetime":"1970-01-01T00:01:00Z"}"#, 60),
      (#"{"datetime_key":"at"}"#, 86_400),
      (#"{"geo_distance":{"origin":{"lat":0,"lon":0},"to":"place"}}"#, 111_195.08),
      (#"{"lin_decay":{"x":"n","target":1,"scale":4}}"#, 0.75), (#"{"lin_decay":{"x":100}}"#, 0),
      (#"{"exp_decay":{"x":2}}"#, 0.25),
      (#"{"gauss_decay":{"x":"n","target":1,"scale":2,"midpoint":0.1}}"#, 0.1),
      (#"{"key":"n","match":{"value":3}}"#, 1), (#"{"sum":[{"is_null":{"key":"n"}},{"has_id":[1]}]}"#, 1),
    ] as [(String, Float)])
  func formulas(text: String, expected: Float) throws {
    let found = try value(text)
    #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)), "\(found)")
  }

  @Test("defaults stand in for what is missing")
  func defaults() throws {
    #expect(try value(#""missing""#, defaults: #"{"missing":7}"#) == 7)
    #expect(try value(#""empty""#, defaults: #"{"empty":[7]}"#) == 7)
    #expect(try value(#""n""#, defaults: #"{"n":7}"#) == 3)
    #expect(try value(#""$score[1]""#, defaults: #"{"$score[1]":7}"#) == 7)
    #expect(try value(#""$score""#, defaults: #"{"$score":7}"#) == 0.5)
  }

  @Test(
    "what has no value is an error, and so is what is no formula",
    arguments: [
      #""missing""#, #""list""#, #""at""#, #"{"div":{"left":1,"right":0}}"#, #"{"sqrt":-1}"#, #"{"ln":0}"#,
      #"{"log10":-1}"#, #"{"acosh":0.5}"#, #"{"exp":1000}"#, #"{"pow":{"base":-1,"exponent":0.5}}"#,
      #"{"mult":[1e300,1e300]}"#, #"{"datetime_key":"n"}"#,
      #"{"geo_distance":{"origin":{"lat":0,"lon":0},"to":"n"}}"#,
      #"{"datetime":"soon"}"#, #"{"max":[]}"#, #"{"cube":1}"#, #"{"abs":1,"neg":1}"#, "[]", "null",
      #""$score[x]""#,
      #""$score[-1]""#, #"{"exp_decay":{"x":1,"midpoint":1}}"#, #"{"lin_decay":{"x":1,"scale":0}}"#,
      #"{"pow":{"base":1}}"#, #""a..b""#,
    ])
  func refused(text: String) {
    #expect(throws: QdrantError.self) { try value(text) }
  }

  private func query(_ text: String) throws -> QdrantQuery {
    try QdrantQuery(try QdrantFields(try JSONReader.parse(text, floatKeys: QdrantQuery.floatKeys)))
  }

  @Test("every kind of query is read")
  func kinds() throws {
    #expect(try query("{}").kind == nil)
    let vector = QdrantQuery.Example.dense([1, 2.5])
    for text in [#"{"query":[1,2.5]}"#, #"{"query":{"nearest":[1,2.5]}}"#] {
      guard case .nearest(vector, nil)? = try query(text).kind else {
        Issue.record("\(text)")
        continue
      }
    }
    guard case .nearest(.id(.int64(7)), nil)? = try query(#"{"query":7}"#).kind,
      case .nearest(.sparse, nil)? = try query(#"{"query":{"indices":[2,1],"values":[1,2]}}"#).kind,
      case .nearest(vector, .init(diversity: 0.25, candidates: 9))? =
        try query(#"{"query":{"nearest":[1,2.5],"mmr":{"diversity":0.25,"candidates_limit":9}}}"#).kind,
      case .recommend([.id(.int64(1)), .dense([1, 2])], [.id(.int64(3))], .bestScore)? =
        try query(#"{"query":{"recommend":{"positive":[1,[1,2]],"negative":[3],"strategy":"best_score"}}}"#)
        .kind,
      case .discover(vector, let pairs)? =
        try query(#"{"query":{"discover":{"target":[1,2.5],"context":[{"positive":1,"negative":2}]}}}"#).kind,
      pairs == [.init(positive: .id(.int64(1)), negative: .id(.int64(2)))],
      case .context(pairs)? = try query(#"{"query":{"context":{"positive":1,"negative":2}}}"#).kind,
      case .fusion(.distribution)? = try query(#"{"query":{"fusion":"dbsf"}}"#).kind,
      case .fusion(.reciprocal(k: 3, weights: [1, 2]))? =
        try query(#"{"query":{"rrf":{"k":3,"weights":[1,2]}}}"#).kind,
      case .sample? = try query(#"{"query":{"sample":"random"}}"#).kind,
      case .orderBy(let order)? =
        try query(#"{"query":{"order_by":{"key":"n","direction":"desc","start_from":3}}}"#).kind,
      order.key == "n", order.isDescending, order.start == 3,
      case .feedback(vector, [.init(example: .id(.int64(1)), score: 0.5)], .init(a: 1, b: 2, c: 3))? =
        try query(
          #"{"query":{"relevance_feedback":{"target":[1,2.5],"feedback":[{"example":1,"score":0.5}],"strategy":{"naive":{"a":1,"b":2,"c":3}}}}}"#
        ).kind
    else {
      Issue.record("a kind was read as another")
      return
    }
    let nested = try query(#"{"prefetch":{"prefetch":[{"query":1},{}],"limit":5},"limit":3,"offset":2}"#)
    #expect(nested.prefetches.count == 1 && nested.prefetches[0].prefetches.count == 2)
    #expect(nested.prefetches[0].limit == 5 && nested.limit == 3 && nested.offset == 2)
  }

  @Test(
    "what is no query is refused",
    arguments: [
      #"{"limit":0}"#, #"{"offset":-1}"#, #"{"query":true}"#, #"{"query":1.5}"#, #"{"query":[null,1]}"#,
      #"{"query":[[1,2],[3]]}"#, #"{"query":{"image":"x","model":"m"}}"#, #"{"query":{"near":[1]}}"#,
      #"{"query":{"fusion":"sum"}}"#, #"{"query":{"rrf":{"k":0}}}"#, #"{"query":{"sample":"all"}}"#,
      #"{"query":{"recommend":{"positive":[],"negative":[1]}}}"#, #"{"query":{"context":[]}}"#,
      #"{"query":{"nearest":[1],"mmr":{"diversity":2}}}"#,
      #"{"params":{"quantization":{"oversampling":0.5}}}"#,
      #"{"query":{"recommend":{"positive":[1],"strategy":"best"}}}"#, #"{"query":{"order_by":{}}}"#,
      #"{"query":{"indices":[1,1],"values":[1,2]}}"#, #"{"query":{"indices":[1],"values":[1,2]}}"#,
    ])
  func refusedQueries(text: String) {
    #expect(throws: QdrantError.self) { try query(text) }
  }

  @Test("prefetches have a depth and a number that they cannot exceed")
  func prefetchLimits() throws {
    var deep = "{}"
    for _ in 0..<QdrantQuery.depthMax { deep = #"{"prefetch":\#(deep)}"# }
    #expect(throws: Never.self) { try query(deep) }
    #expect(throws: QdrantError.self) { try query(#"{"prefetch":\#(deep)}"#) }
    let many = Array(repeating: "{}", count: QdrantQuery.prefetchCountMax).joined(separator: ",")
    #expect(throws: QdrantError.self) { try query(#"{"prefetch":[\#(many)]}"#) }
  }

  @Test("feedback weighs pairs with a greater score first")
  func feedback() {
    let weights = QdrantQuery.FeedbackWeights(a: 2, b: 2, c: 3).weights(of: [1, 0.5, 0.5])
    #expect(weights == [2, 1.5, -0.75, -0.75])
  }
}
