import MoultModel
import MoultServer
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("FilterParser")
struct FilterParserTests {
  /// Key `id`, fields `age` Int64, `name` VarChar, `meta` JSON, `score` Float, maybe dynamic ones.
  static func collection(isDynamic: Bool = true, keyKind: MilvusType = .int64) -> DescribedCollection {
    var key = CollectionDefinition.Field(name: "id", type: keyKind)
    key.isPrimary = true
    var vector = CollectionDefinition.Field(name: "v", type: .floatVector)
    vector.parameters = [.init(key: "dim", value: "2")]
    let definition = CollectionDefinition(
      fields: [
        key, vector, .init(name: "age", type: .int64), .init(name: "name", type: .varChar),
        .init(name: "meta", type: .json), .init(name: "score", type: .float),
      ], isDynamic: isDynamic)
    let schema = CollectionSchema(
      dimension: 2, keyKind: keyKind == .int64 ? .int64 : .string, keyField: "id", vectorField: "v")
    return DescribedCollection(
      info: CollectionInfo(
        name: "c", id: 1, schema: schema, count: 0, aliases: [],
        generation: GenerationInfo(
          id: 1, state: .live, specification: EncodingSpecification(), bytesPerVector: 8, createdAt: 0,
          publishedAt: nil, report: nil), previousGeneration: nil, createdAt: 0, updatedAt: 0, ready: true),
      definition: definition)
  }

  static func parse(_ text: String, templates: [String: JSON] = [:]) throws -> PointFilter {
    try FilterParser.parse(text, collection(), templates: templates)
  }

  @Test(
    "keys",
    arguments: [
      ("id == 5", [5]), ("id==-5", [-5]), (" id in [1,2 , 3] ", [1, 2, 3]), ("id IN [ 7 , ]", [7]),
      ("id in []", []), ("5 == id", [5]), ("id == 0x10", [16]), ("id == 0b11", [3]), ("id in[1]", [1]),
      ("id in [9223372036854775807,-9223372036854775808]", [.max, .min]),
    ] as [(String, [Int64])])
  func keys(text: String, ids: [Int64]) throws {
    #expect(try Self.parse(text) == .ids(Set(ids.map { .int64($0) })))
  }

  @Test("arrays, arithmetic, two fields")
  func computed() throws {
    let two = PointFilter.Bound(2, isInclusive: true)
    #expect(try Self.parse("array_contains(meta['a'], 1)") == .field(["meta", "a"], .containsAny([.int(1)])))
    #expect(
      try Self.parse("JSON_CONTAINS_ALL(meta, [1, 'x',])")
        == .field(["meta"], .containsAll([.int(1), .string("x")])))
    #expect(
      try Self.parse("json_contains_any(meta, {values})", templates: ["values": .array([.int(1)])])
        == .field(["meta"], .containsAny([.int(1)])))
    #expect(try Self.parse("array_length(meta) >= 2") == .field(["meta"], .hasCount(lower: two, upper: nil)))
    #expect(try Self.parse("2 == array_length(meta)") == .field(["meta"], .hasCount(lower: two, upper: two)))
    #expect(try Self.parse("meta['a'][3] == 2") == .field(["meta", "a"], .element(3, .isOneOf([.int(2)]))))
    let seven = PointFilter.Bound(7, isInclusive: false)
    #expect(
      try Self.parse("(age > 1 and age * 2 + 3 < 2 + 10 / 2)")
        == .all([
          .field(["age"], .isBetween(lower: .init(1, isInclusive: false), upper: nil)),
          .field(
            ["age"],
            .isBetweenAfter([.init(.multiply, .int(2)), .init(.add, .int(3))], lower: nil, upper: seven)),
        ]))
    #expect(
      try Self.parse("10 - age == 2")
        == .field(
          ["age"],
          .isBetweenAfter([.init(.multiply, .int(-1)), .init(.add, .int(10))], lower: two, upper: two)))
    #expect(try Self.parse("id == 2 * 3 - 1") == .ids([.int64(5)]))
    let zero = PointFilter.Bound(0, isInclusive: true)
    let even = PointFilter.idsBetweenAfter([.init(.remainder, .int(2))], lower: zero, upper: zero)
    #expect(try Self.parse("id % 2 == 0") == even)
    #expect(try Self.parse("id % 2 != 0 and not (id % 2 == 0)") == .all([.not(even), .not(even)]))
    #expect(
      try Self.parse("7 > -id")
        == .idsBetweenAfter([.init(.multiply, .int(-1))], lower: nil, upper: seven))
    #expect(try Self.parse("age <= score") == .fields(["age"], .lessOrEqual, ["score"]))
    // A field that is missing or null makes neither it nor its negation true.
    let isSet = PointFilter.all([.field(["meta"], .exists), .not(.field(["meta"], .isOneOf([.null])))])
    #expect(
      try Self.parse("not array_contains(meta, 1)")
        == .all([isSet, .not(.field(["meta"], .containsAny([.int(1)])))]))
  }

  @Test(
    "string keys, in either quotes, escaped and raw",
    arguments: [
      (#"id == "a b""#, ["a b"]), ("id in ['a', \"b\"]", ["a", "b"]), (#"id == 'it\'s'"#, ["it's"]),
      (#"id == "q\"\\\n""#, ["q\"\\\n"]), ("id in ['ä', '日本', ']']", ["ä", "日本", "]"]),
      (#"id == r"a\n""#, [#"a\n"#]),
    ])
  func stringKeys(text: String, ids: [String]) throws {
    let filter = try FilterParser.parse(text, Self.collection(keyKind: .varChar))
    #expect(filter == .ids(Set(ids.map { .string($0) })))
  }

  @Test("string keys by their beginning")
  func keyPrefixes() throws {
    func parse(_ pattern: String) throws -> PointFilter {
      try FilterParser.parse("id like '\(pattern)'", Self.collection(keyKind: .varChar))
    }
    func between(_ lower: String, _ upper: String?) -> PointFilter {
      .idsBetween(
        lower: .init(.string(lower), isInclusive: true),
        upper: upper.map { .init(.string($0), isInclusive: false) })
    }
    #expect(try parse("ab%") == between("ab", "ac") && parse("%") == between("", nil))
    #expect(try parse("ab") == .ids([.string("ab")]) && parse(#"a\\%"#) == .ids([.string("a%")]))
    #expect(try parse("a\u{D7FF}%") == between("a\u{D7FF}", "a\u{E000}"))
    #expect(
      try parse("a\u{10FFFF}%") == between("a\u{10FFFF}", "b")
        && parse("\u{10FFFF}%") == between("\u{10FFFF}", nil))
    for pattern in ["%a", "a_", "a%b", "a%%"] { #expect(throws: MilvusError.self) { try parse(pattern) } }
    #expect(throws: MilvusError.self) { try Self.parse("id like '1%'") }
    #expect(throws: MilvusError.self) {
      try FilterParser.parse("id % 2 == 0", Self.collection(keyKind: .varChar))
    }
  }

  @Test("samples: another one each time, of a share between none and all")
  func samples() throws {
    guard case .all(let parts) = try Self.parse("age > 1 and random_sample(0.25)"),
      case .sample(0.25, let seed) = parts[1]
    else {
      Issue.record("no sample")
      return
    }
    #expect(try Self.parse("RANDOM_SAMPLE(0.25)") != .sample(share: 0.25, seed: seed))
    for share in ["0", "1", "0.0", "-0.5", "2", "'a'", "age", ""] {
      #expect(throws: MilvusError.self) { try Self.parse("random_sample(\(share))") }
    }
  }

  @Test("comparisons, ranges, members of JSON and of the dynamic field")
  func conditions() throws {
    let atLeast3 = PointFilter.Bound(3, isInclusive: true)
    let below5 = PointFilter.Bound(5, isInclusive: false)
    #expect(try Self.parse("age >= 3") == .field(["age"], .isBetween(lower: atLeast3, upper: nil)))
    #expect(try Self.parse("3 <= age") == .field(["age"], .isBetween(lower: atLeast3, upper: nil)))
    #expect(
      try Self.parse("3 <= age < 5")
        == .all([
          .field(["age"], .isBetween(lower: atLeast3, upper: nil)),
          .field(["age"], .isBetween(lower: nil, upper: below5)),
        ]))
    #expect(
      try Self.parse(#"meta["a"]["b"] == true"#) == .field(["meta", "a", "b"], .isOneOf([.bool(true)])))
    #expect(try Self.parse(#"$meta["x"] == 1"#) == .field(["x"], .isOneOf([.int(1)])))
    #expect(try Self.parse("x == 1") == .field(["x"], .isOneOf([.int(1)])))
    #expect(try Self.parse("name like 'a%b_[*'") == .field(["name"], .matches(glob: "a*b?[[][*]")))
    #expect(
      try Self.parse("name > 'm'")
        == .field(["name"], .isTextBetween(lower: .init("m", isInclusive: false), upper: nil)))
    #expect(try Self.parse(#"exists meta["a"]"#) == .field(["meta", "a"], .exists))
    #expect(try Self.parse("id > 7") == .idsBetween(lower: .init(.int64(7), isInclusive: false), upper: nil))
    #expect(try Self.parse("score == 0.1") == .field(["score"], .isOneOf([.double(0.1)])))
  }

  @Test("and binds tighter than or; both may be signs")
  func precedence() throws {
    func is1(_ name: String) -> PointFilter { .field(FieldPath([name]), .isOneOf([.int(1)])) }
    let expected = PointFilter.any([is1("a"), .all([is1("b"), is1("c")])])
    #expect(try Self.parse("a == 1 or b == 1 and c == 1") == expected)
    #expect(try Self.parse("a == 1 || (b == 1 && c == 1)") == expected)
    #expect(try Self.parse("(a == 1 OR b == 1) AND c == 1") == .all([.any([is1("a"), is1("b")]), is1("c")]))
  }

  @Test("what is missing or null is neither equal nor unequal")
  func threeValued() throws {
    let isSet = PointFilter.all([.field(["age"], .exists), .not(.field(["age"], .isOneOf([.null])))])
    let not1 = PointFilter.all([isSet, .not(.field(["age"], .isOneOf([.int(1)])))])
    #expect(try Self.parse("age != 1") == not1)
    #expect(try Self.parse("not (age == 1)") == not1)
    #expect(try Self.parse("age not in [1]") == not1)
    #expect(try Self.parse("not (not (age == 1))") == .field(["age"], .isOneOf([.int(1)])))
    #expect(try Self.parse("age is not null") == isSet)
    #expect(try Self.parse("age is null") == .not(isSet))
  }

  @Test("placeholders are filled, missing ones refused")
  func placeholders() throws {
    let filter = try Self.parse(
      "age in {list} and id == {key}", templates: ["list": .array([.int(1)]), "key": .int(2)])
    #expect(filter == .all([.field(["age"], .isOneOf([.int(1)])), .ids([.int64(2)])]))
    #expect(throws: MilvusError.self) { try Self.parse("id == {key}") }
  }

  @Test(
    "everything else is refused with its place",
    arguments: [
      "", "id", "id =", "id == ", "id == 'a'", "id in 1", "id in [", "id in [1", "id in [1 2]", "id in [,]",
      "id in (1)", "id in [1]]", "id == 1.5", "id == 99999999999999999999", "id inn [1]", "not age > 3",
      "1 == 2",
      "age == id", "age / 0 == 2", "age % 1.5 == 0", "2 % age == 0", "age + name == 2", "name + 1 == 2",
      "1 + 1 == 2", "age == 'x'", "name > 1", "v == 1", "name['a'] == 1", "age == 1 and",
      "(age == 1", "text_match(name, 'a')", "age < 3 > 1", "meta[0]['a'] == 1", "name[0] == 1",
      "array_contains(name, 1)", "array_contains(meta)", "array_contains_any(meta, 1)",
      "array_length(meta) == 'a'", "-name == 1", "9223372036854775807 + 1 == age", "'a' like name",
      "name == 'a",
      "name == '\\q'",
      "age == 1;", "age == --1", "3 <= age == 5", "$meta == 1", "id is like 3",
    ])
  func refused(text: String) {
    let error = #expect(throws: MilvusError.self) { try Self.parse(text) }
    #expect(error?.code == 1100)
    #expect(error?.message.contains("at byte ") == true, "\(error?.message ?? "")")
  }

  @Test("unknown names are refused where there is no dynamic field")
  func fixed() {
    let error = #expect(throws: MilvusError.self) {
      try FilterParser.parse("other == 1", Self.collection(isDynamic: false))
    }
    #expect(error?.message.contains("field other not exist") == true)
  }

  @Test("deep nesting is refused and does not trap")
  func deep() {
    for opening in ["(", "not (", "!("] {
      let text =
        String(repeating: opening, count: 100_000) + "id == 1" + String(repeating: ")", count: 100_000)
      #expect(throws: MilvusError.self) { try Self.parse(text) }
    }
  }

  @Test("noise never traps", arguments: 0..<300)
  func noise(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let pieces = [
      "id", " ", "in", "==", "[", "]", ",", "'", "\"", "\\", "7", "-", "é", "\0", "a", "not", "(", ")", "and",
      "{", "}",
      "0x", "1e", ".", "like", "is", "null", "<", "meta",
    ]
    let text = (0..<Int.random(in: 0...20, using: &random)).map { _ in pieces.randomElement(using: &random)! }
      .joined()
    _ = try? Self.parse(text)
  }
}
