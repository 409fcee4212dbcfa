import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// Conditions on values that paths reach, as SQLite answers them, against a plain walk through the same payloads.
@Suite("Filters of values in nested payloads")
struct ValueFilterTests {
  private typealias Scalar = PointFilter.Scalar

  private indirect enum Node {
    case object([(String, Node)])
    case array([Node])
    case scalar(Scalar)

    var json: String {
      switch self {
      case .object(let members):
        "{\(members.map { "\"\($0.0)\":\($0.1.json)" }.joined(separator: ","))}"
      case .array(let elements): "[\(elements.map(\.json).joined(separator: ","))]"
      case .scalar(.string(let text)): "\"\(text)\""
      case .scalar(.int(let number)): "\(number)"
      case .scalar(.double(let number)): "\(number)"
      case .scalar(.bool(let bool)): "\(bool)"
      case .scalar(.null): "null"
      }
    }

    subscript(name: String) -> Node? {
      if case .object(let members) = self { members.first { $0.0 == name }?.1 } else { nil }
    }

    var elements: [Node]? { if case .array(let elements) = self { elements } else { nil } }
    var scalar: Scalar? { if case .scalar(let scalar) = self { scalar } else { nil } }
    var isNull: Bool { scalar == .null }

    var text: String? { if case .string(let text)? = scalar { text } else { nil } }

    var number: Double? {
      switch scalar {
      case .int(let number)?: Double(number)
      case .double(let number)?: number
      default: nil
      }
    }
  }

  // MARK: Oracle

  private static func reached(_ node: Node, _ steps: ArraySlice<ValuePath.Step>) -> [Node] {
    guard let step = steps.first else { return [node] }
    let rest = steps.dropFirst()
    switch step {
    case .name(let name): return node[name.text].map { reached($0, rest) } ?? []
    case .index(let index):
      guard let elements = node.elements, index < elements.count else { return [] }
      return reached(elements[Int(index)], rest)
    case .each: return (node.elements ?? []).flatMap { reached($0, rest) }
    }
  }

  private static func matches(_ filter: PointFilter, _ node: Node) -> Bool {
    switch filter {
    case .all(let parts): return parts.allSatisfy { matches($0, node) }
    case .any(let parts): return parts.contains { matches($0, node) }
    case .not(let part): return !matches(part, node)
    case .atLeast(let count, let parts): return parts.filter { matches($0, node) }.count >= count
    case .elements(let path, let part):
      return reached(node, path.steps[...]).contains { value in
        (value.elements ?? []).contains { element in
          if case .object = element { matches(part, element) } else { false }
        }
      }
    case .values(let path, let condition):
      let values = reached(node, path.steps[...])
      switch condition {
      case .isEmpty: return values.allSatisfy { $0.isNull || $0.elements?.isEmpty == true }
      case .isNull: return values.contains { $0.isNull || $0.elements?.contains(where: \.isNull) == true }
      case .hasCount(let lower, let upper):
        let counts = values.map { $0.isNull ? 0 : $0.elements?.count ?? 1 }
        return (counts.isEmpty ? [0] : counts).contains { isWithin(Double($0), lower, upper) }
      default: return values.flatMap { $0.elements ?? [$0] }.contains { holds(condition, $0) }
      }
    default: fatalError("not made here: \(filter)")
    }
  }

  private static func isWithin(
    _ value: Double, _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?
  ) -> Bool {
    let isAbove = lower.map { $0.isInclusive ? value >= $0.value : value > $0.value } ?? true
    return isAbove && (upper.map { $0.isInclusive ? value <= $0.value : value < $0.value } ?? true)
  }

  private static func holds(_ condition: ValueCondition, _ node: Node) -> Bool {
    switch condition {
    case .isOneOf(let values): return node.scalar.map(values.contains) ?? false
    case .isNoneOf(let values): return !node.isNull && !(node.scalar.map(values.contains) ?? false)
    case .isBetween(let lower, let upper): return node.number.map { isWithin($0, lower, upper) } ?? false
    case .isTime(let range):
      return node.text.flatMap(Timestamp.microseconds).map(range.contains) ?? false
    case .hasWords(let match):
      guard let text = node.text else { return false }
      let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
      let wanted = match.words.map(\.text)
      if wanted.isEmpty { return false }
      switch match.rule {
      case .all: return wanted.allSatisfy(words.contains)
      case .any: return wanted.contains(where: words.contains)
      case .phrase:
        return " \(words.joined(separator: " ")) ".contains(" \(wanted.joined(separator: " ")) ")
      }
    case .hasPrefix(let prefix): return node.text?.hasPrefix(prefix.text) ?? false
    case .hasSubstring(let part):
      return node.text.map { part.text.isEmpty || $0.contains(part.text) } ?? false
    case .isPlace(let area):
      guard let latitude = node["lat"]?.number, let longitude = node["lon"]?.number else { return false }
      return area.contains(GeoPoint(latitude: latitude, longitude: longitude))
    case .isEmpty, .isNull, .hasCount: fatalError("about values as they are")
    }
  }

  // MARK: Random payloads and filters

  private static let texts = [
    "", "a", "b", "Ab", "red fox", "Red, fox!", "fox red", "2024-01-31", "2024-02-01T12:00:00+01:00", "1",
    "true", "*", "%",
  ]

  private static func scalar(_ random: inout SeededGenerator) -> Scalar {
    switch Int.random(in: 0..<10, using: &random) {
    case 0...3: .string(texts.randomElement(using: &random)!)
    case 4: .bool(Bool.random(using: &random))
    case 5: .null
    case 6: .double(Double(Int.random(in: -4...4, using: &random)) / 2)
    default: .int(Int64.random(in: -2...2, using: &random))
    }
  }

  private static func node(_ random: inout SeededGenerator, depth: Int) -> Node {
    switch Int.random(in: 0..<(depth > 0 ? 10 : 6), using: &random) {
    case 0...4: .scalar(scalar(&random))
    case 5:
      .object([
        ("lat", .scalar(.int(Int64.random(in: -3...3, using: &random)))),
        ("lon", .scalar(Bool.random(using: &random) ? .double(0.5) : scalar(&random))),
      ])
    case 6, 7:
      .array((0..<Int.random(in: 0...3, using: &random)).map { _ in node(&random, depth: depth - 1) })
    default: object(&random, depth: depth)
    }
  }

  private static func object(_ random: inout SeededGenerator, depth: Int) -> Node {
    .object(
      ["a", "b", "c d"].compactMap { name in
        Int.random(in: 0..<4, using: &random) == 0 ? nil : (name, node(&random, depth: depth - 1))
      })
  }

  private static func path(_ random: inout SeededGenerator) -> ValuePath {
    var steps: [ValuePath.Step] = []
    for _ in 0..<Int.random(in: 1...2, using: &random) {
      steps.append(.name(["a", "b", "c d"].randomElement(using: &random)!))
      for _ in 0..<2 where Int.random(in: 0..<3, using: &random) == 0 {
        steps.append(Bool.random(using: &random) ? .each : .index(UInt64.random(in: 0...2, using: &random)))
      }
    }
    return ValuePath(steps)
  }

  private static func condition(_ random: inout SeededGenerator) -> ValueCondition {
    func bound(_ random: inout SeededGenerator) -> PointFilter.Bound? {
      Bool.random(using: &random)
        ? .init(
          Double(Int.random(in: -4...4, using: &random)) / 2, isInclusive: Bool.random(using: &random))
        : nil
    }
    func values(_ random: inout SeededGenerator) -> [Scalar] {
      (0..<Int.random(in: 0...3, using: &random)).map { _ in scalar(&random) }
    }
    let text = texts.randomElement(using: &random)!
    switch Int.random(in: 0..<14, using: &random) {
    case 0, 1: return .isOneOf(values(&random))
    case 2: return .isNoneOf(values(&random))
    case 3: return .isBetween(lower: bound(&random), upper: bound(&random))
    case 4:
      let times = ["2024-01-31", "2024-02-01T11:00:00Z", "2024-02-02"].compactMap(Timestamp.microseconds)
      return .isTime(in: times[Int.random(in: 0...1, using: &random)]...times[2])
    case 5:
      let rules: [WordMatch.Rule] = [.all, .any, .phrase]
      return .hasWords(WordMatch(text, rules.randomElement(using: &random)!))
    case 6: return .hasPrefix(ExactText(text))
    case 7: return .hasSubstring(ExactText(text))
    case 8:
      return .isPlace(in: .box(south: -2, west: -1, north: 2, east: Bool.random(using: &random) ? 1 : -2))
    case 9:
      let centre = GeoPoint(latitude: 1, longitude: 0.5)
      return .isPlace(in: .circle(centre, radius: Double.random(in: 0...400_000, using: &random)))
    case 10:
      let corners = [(-3.0, -3.0), (3, -3), (3, 3), (-3, 3), (-3, -3)].map {
        GeoPoint(latitude: $0.0, longitude: $0.1)
      }
      let hole = [(-1.0, -1.0), (1.5, 0), (0, 1)].map { GeoPoint(latitude: $0.0, longitude: $0.1) }
      return .isPlace(
        in: .polygon(GeoPolygon(outline: corners, holes: Bool.random(using: &random) ? [hole] : [])))
    case 11: return .isEmpty
    case 12: return .isNull
    default: return .hasCount(lower: bound(&random), upper: bound(&random))
    }
  }

  private static func filter(_ random: inout SeededGenerator, depth: Int) -> PointFilter {
    func parts(_ random: inout SeededGenerator) -> [PointFilter] {
      (0..<Int.random(in: 0...3, using: &random)).map { _ in filter(&random, depth: depth - 1) }
    }
    switch Int.random(in: 0..<(depth > 0 ? 12 : 6), using: &random) {
    case 0...5: return .values(path(&random), condition(&random))
    case 6: return .all(parts(&random))
    case 7: return .any(parts(&random))
    case 8: return .atLeast(Int.random(in: 1...3, using: &random), parts(&random))
    case 9, 10: return .elements(path(&random), filter(&random, depth: depth - 1))
    default: return .not(filter(&random, depth: depth - 1))
    }
  }

  @Test("rows are those that a plain walk finds", arguments: 0..<8 as Range<UInt64>)
  func oracle(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let payloads = (0..<250).map { _ in Self.object(&random, depth: 4) }
    try withStore(payloads.map(\.json)) { (store, db) throws in
      for number in 0..<200 {
        let filter = Self.filter(&random, depth: 3)
        let expected = payloads.indices.filter { Self.matches(filter, payloads[$0]) }.map(Int64.init)
        let found = try store.rows(matching: filter, from: 0, to: 250, in: db)
        let other = zip(found, expected).first { $0 != $1 }?.1 ?? expected.last ?? found.last ?? 0
        #expect(
          found == expected, "seed \(seed), filter \(number): \(filter); \(payloads[Int(other)].json)")
        #expect(try store.liveCount(matching: filter, in: db) == expected.count)
      }
    }
  }

  @Test("an order by values has a point at each of them, each once")
  func order() throws {
    let payloads = [
      #"{"n":3,"at":"2024-01-01"}"#, #"{"n":[1,1,2.5,"x",null]}"#, #"{}"#, #"{"n":{"m":1}}"#,
      #"{"n":"1970-01-01T00:00:00.000002Z"}"#, #"{"n":true}"#, #"{"n":[[1]],"deep":[{"n":7},{"n":[5,6]}]}"#,
    ]
    try withStore(payloads) { (store, db) throws in
      func order(_ steps: [ValuePath.Step], descending: Bool = false, from: Double? = nil, limit: Int = 10)
        throws
        -> [[Double]]
      {
        try store.live(
          matching: .not(.ids([.int64(99)])), orderedBy: ValuePath(steps), descending: descending, from: from,
          limit: limit, payloads: false, in: db
        ).map { point, value in
          switch value {
          case .int(let number): [Double(point.row), Double(number)]
          case .double(let number): [Double(point.row), number]
          default: []
          }
        }
      }
      #expect(try order([.name("n")]) == [[1, 1], [4, 2], [1, 2.5], [0, 3]])
      #expect(try order([.name("n")], descending: true, from: 2.5, limit: 2) == [[1, 2.5], [4, 2]])
      #expect(try order([.name("n")], from: 2) == [[4, 2], [1, 2.5], [0, 3]])
      #expect(try order([.name("deep"), .each, .name("n")]) == [[6, 5], [6, 6], [6, 7]])
      #expect(try order([.name("at")]) == [[0, 1_704_067_200_000_000]])
    }
  }

  @Test("a sample holds points that match, each once")
  func sample() throws {
    try withStore((0..<50).map { #"{"n":\#($0)}"# }) { (store, db) throws in
      let filter = PointFilter.values(
        ValuePath([.name("n")]), .isBetween(lower: .init(40, isInclusive: true), upper: nil))
      let few = try store.sample(matching: filter, limit: 4, payloads: false, in: db).map(\.row)
      #expect(Set(few).count == 4 && few.allSatisfy { $0 >= 40 })
      #expect(Set(try store.sample(matching: nil, limit: 99, payloads: true, in: db).map(\.row)).count == 50)
    }
  }

  /// From Qdrant's client, whose partition this is.
  @Test("slices are by SipHash-2-4 of the id")
  func slices() throws {
    #expect(SipHash.hash([]) == 0x1e92_4b9d_7377_00d7)
    #expect(SipHash.hash(Array(0..<15)) == 0xd056_7cd4_4e89_1363)
    try withStore((0..<12).map { _ in "{}" }) { (store, db) throws in
      let expected = [3, 2, 3, 3, 2, 2, 6, 6, 2, 6, 5, 5]
      for slice in 0..<7 {
        #expect(
          try store.rows(matching: .slice(UInt64(slice), of: 7), from: 0, to: 12, in: db)
            == expected.indices.filter { expected[$0] == slice }.map(Int64.init))
      }
    }
  }

  @Test("what SQLite cannot look at is refused in words, and never answered wrongly")
  func limits() throws {
    try withStore([#"{"a":[[1]]}"#]) { (store, db) throws in
      func code(_ filter: PointFilter) -> MoultError.Code? {
        do {
          _ = try store.rows(matching: filter, from: 0, to: 1, in: db)
          return nil
        } catch { return (error as? MoultError)?.code }
      }
      let isOne = ValueCondition.isOneOf([.int(1)])
      #expect(code(.values(ValuePath([]), isOne)) == .invalidArgument)
      #expect(code(.values(ValuePath(Array(repeating: .each, count: 33)), isOne)) == .invalidArgument)
      #expect(code(.values(ValuePath([.name("a\"b")]), isOne)) == .invalidArgument)
      // Far beyond SQLite's 32 bits, where it would begin again from 0.
      #expect(
        try store.rows(
          matching: .values(ValuePath([.name("a"), .index(1 << 32)]), isOne), from: 0, to: 1, in: db) == [])
      var deep = PointFilter.values(ValuePath([.name("a")]), isOne)
      for _ in 0..<200 { deep = .not(deep) }
      #expect(code(deep) == .invalidArgument)
      // Whatever the limits of a filter allow is answered.
      let path = ValuePath([.name("a"), .each, .name("b")])
      for wraps in [false, true] {
        var nested = PointFilter.values(ValuePath(path.steps + [.each]), isOne)
        while case let next = PointFilter.elements(
          path, wraps ? .all([.not(nested), .values(path, .isNull)]) : nested),
          next.depth <= PointFilter.depthMax
        {
          nested = next
        }
        #expect(code(nested) == nil, "\(nested.depth) deep")
      }
    }
  }
}
