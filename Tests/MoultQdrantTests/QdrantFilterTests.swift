import MoultModel
import MoultServer
import Testing

@testable import MoultQdrant

@Suite("Qdrant's filters")
struct QdrantFilterTests {
  private func filter(_ text: String) throws -> PointFilter {
    try QdrantFilter(try JSONReader.parse(text, keepsLarge: true), at: "filter").pointFilter
  }

  private let a = ValuePath([.name("a")])

  @Test("clauses, one condition or a list, and filters inside")
  func clauses() throws {
    let one = PointFilter.values(a, .isOneOf([.int(1)]))
    let match = #"{"key":"a","match":{"value":1}}"#
    #expect(try filter("{}") == .all([]))
    #expect(try filter(#"{"must":null}"#) == .all([]))
    #expect(try filter(#"{"must":\#(match)}"#) == one)
    #expect(try filter(#"{"must":[\#(match),\#(match)]}"#) == .all([one, one]))
    #expect(try filter(#"{"should":[\#(match)]}"#) == .any([one]))
    // No alternatives are no condition.
    #expect(try filter(#"{"should":[]}"#) == .all([]))
    #expect(try filter(#"{"must_not":[\#(match)]}"#) == .not(one))
    #expect(
      try filter(#"{"min_should":{"conditions":[\#(match),{"must":[\#(match)]}],"min_count":2}}"#)
        == .atLeast(2, [one, one]))
    #expect(
      try filter(#"{"must":[{"must_not":[\#(match)]}],"should":\#(match)}"#)
        == .all([.not(one), .any([one])]))
  }

  @Test(
    "conditions on values",
    arguments: [
      (#""match":{"value":"x"}"#, .isOneOf([.string("x")])),
      (#""match":{"value":true}"#, .isOneOf([.bool(true)])),
      (#""match":{"any":["x","y"]}"#, .isOneOf([.string("x"), .string("y")])),
      (#""match":{"any":[]}"#, .isOneOf([])), (#""match":{"except":[1,2]}"#, .isNoneOf([.int(1), .int(2)])),
      (#""match":{"text":"Red fox"}"#, .hasWords(WordMatch("red FOX", .all))),
      (#""match":{"text_any":"a b"}"#, .hasWords(WordMatch("a b", .any))),
      (#""match":{"phrase":"a b"}"#, .hasWords(WordMatch("a b", .phrase))),
      (#""match":{"prefix":"ab"}"#, .hasPrefix("ab")), (#""match":{"substring":"ab"}"#, .hasSubstring("ab")),
      (
        #""range":{"gt":1,"gte":1,"lt":3,"lte":2,"x":null}"#,
        .isBetween(lower: .init(1, isInclusive: false), upper: .init(2, isInclusive: true))
      ),
      (#""range":{}"#, .isBetween(lower: nil, upper: nil)),
      (
        #""range":{"gte":"1970-01-01T00:00:01Z","lt":"1970-01-01 00:00:03"}"#,
        .isTime(in: 1_000_000...2_999_999)
      ),
      (
        #""geo_bounding_box":{"top_left":{"lat":2,"lon":-1},"bottom_right":{"lat":-2,"lon":1}}"#,
        .isPlace(in: .box(south: -2, west: -1, north: 2, east: 1))
      ),
      (
        #""geo_radius":{"center":{"lat":2,"lon":-1},"radius":10}"#,
        .isPlace(in: .circle(GeoPoint(latitude: 2, longitude: -1), radius: 10))
      ),
      (#""values_count":{"gte":2}"#, .hasCount(lower: .init(2, isInclusive: true), upper: nil)),
    ] as [(String, ValueCondition)])
  func values(text: String, expected: ValueCondition) throws {
    #expect(try filter(#"{"must":{"key":"a",\#(text)}}"#) == .values(a, expected))
  }

  @Test("emptiness, ids, slices, nested filters and paths")
  func others() throws {
    #expect(try filter(#"{"must":{"is_empty":{"key":"a"}}}"#) == .values(a, .isEmpty))
    #expect(try filter(#"{"must":{"key":"a","is_empty":false}}"#) == .not(.values(a, .isEmpty)))
    #expect(try filter(#"{"must":{"is_null":{"key":"a"}}}"#) == .values(a, .isNull))
    #expect(try filter(#"{"must":{"key":"a","is_null":false}}"#) == .not(.values(a, .isNull)))
    let uuid = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
    #expect(
      try filter(#"{"must":{"has_id":[1,"\#(uuid.uppercased())"]}}"#) == .ids([.int64(1), .string(uuid)]))
    #expect(try filter(#"{"must":{"slice":{"total":4,"index":3}}}"#) == .slice(3, of: 4))
    for key in ["a", "a[]"] {
      let nested = #"{"must":{"nested":{"key":"\#(key)","filter":{"must":{"is_null":{"key":"a"}}}}}}"#
      #expect(try filter(nested) == .elements(a, .values(a, .isNull)))
    }
    let paths: [(String, [ValuePath.Step])] = [
      ("a.b", [.name("a"), .name("b")]), ("a[].b", [.name("a"), .each, .name("b")]),
      ("a[0][1]", [.name("a"), .index(0), .index(1)]), (#"\"a.b\".c"#, [.name("a.b"), .name("c")]),
      ("ä-_9", [.name("ä-_9")]),
    ]
    for (text, steps) in paths {
      #expect(try filter(#"{"must":{"is_null":{"key":"\#(text)"}}}"#) == .values(ValuePath(steps), .isNull))
    }
  }

  @Test(
    "what Qdrant refuses is refused",
    arguments: [
      "[]", #"{"musst":[]}"#, #"{"must":[1]}"#, #"{"must":{"key":"a"}}"#,
      #"{"must":{"key":1,"is_null":true}}"#,
      #"{"must":{"key":"a","match":{"value":1.5}}}"#, #"{"must":{"key":"a","match":{"value":[1]}}}"#,
      #"{"must":{"key":"a","match":{"any":[1,"x"]}}}"#, #"{"must":{"key":"a","match":{"any":[true]}}}"#,
      #"{"must":{"key":"a","match":{}}}"#, #"{"must":{"key":"a","match":{"like":"x"}}}"#,
      #"{"must":{"key":"a","match":{"value":1,"text":"x"}}}"#,
      #"{"must":{"key":"a","range":{"gt":"never"}}}"#,
      #"{"must":{"key":"a","range":{"gt":"2024-01-01","lt":3}}}"#,
      #"{"must":{"key":"a","range":{"above":3}}}"#,
      #"{"must":{"key":"a","geo_radius":{"center":{"lat":91,"lon":0},"radius":1}}}"#,
      #"{"must":{"key":"a","geo_polygon":{"exterior":{"points":[{"lat":0,"lon":0}]}}}}"#,
      #"{"must":{"key":"a","geo_polygon":{"exterior":{"points":[{"lat":0,"lon":0},{"lat":0,"lon":1},{"lat":1,"lon":1},{"lat":1,"lon":0}]}}}}"#,
      #"{"must":{"has_id":[-1]}}"#, #"{"must":{"has_id":["x"]}}"#,
      #"{"must":{"slice":{"total":0,"index":0}}}"#,
      #"{"must":{"slice":{"total":2,"index":2}}}"#, #"{"min_should":{"conditions":[],"min_count":0}}"#,
      #"{"must":{"is_null":{"key":""}}}"#, #"{"must":{"is_null":{"key":"a..b"}}}"#,
      #"{"must":{"is_null":{"key":"a[-1]"}}}"#, #"{"must":{"is_null":{"key":"a["}}}"#,
      #"{"must":{"nested":{"key":"a"}}}"#,
    ])
  func refused(text: String) {
    #expect(throws: QdrantError.self) { try filter(text) }
  }

  @Test("filters of prefetches are joined clause by clause")
  func merged() throws {
    func read(_ text: String) throws -> QdrantFilter {
      try QdrantFilter(try JSONReader.parse(text), at: "filter")
    }
    let outer = try read(
      #"{"should":{"has_id":[1]},"min_should":{"conditions":[{"has_id":[2]}],"min_count":1}}"#)
    let inner = try read(
      #"{"should":{"has_id":[3]},"must":{"has_id":[4]},"min_should":{"conditions":[{"has_id":[5]}],"min_count":2}}"#
    )
    #expect(
      try outer.merged(with: inner).pointFilter
        == .all([
          .ids([.int64(4)]), .any([.ids([.int64(1)]), .ids([.int64(3)])]),
          .atLeast(2, [.ids([.int64(2)]), .ids([.int64(5)])]),
        ]))
  }
}
