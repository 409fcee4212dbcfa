import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// Conditions on arrays, arithmetic and pairs of members, as SQLite answers them, against Swift's own answer.
@Suite("Filters of stored points")
struct PointFilterTests {
  private typealias Scalar = PointFilter.Scalar

  private struct Payload {
    var list: [Scalar]?
    var number: Scalar?
    var other: Scalar?

    static func random(_ random: inout SeededGenerator) -> Payload {
      Payload(
        list: Int.random(in: 0..<6, using: &random) == 0
          ? nil : (0..<Int.random(in: 0...4, using: &random)).map { _ in scalar(&random) },
        number: Int.random(in: 0..<6, using: &random) == 0 ? nil : scalar(&random),
        other: Int.random(in: 0..<6, using: &random) == 0 ? nil : scalar(&random))
    }

    static func scalar(_ random: inout SeededGenerator) -> Scalar {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: .string(["", "a", "b", "1", "true"].randomElement(using: &random)!)
      case 1: .bool(Bool.random(using: &random))
      case 2: .null
      case 3, 4: .double(Double(Int.random(in: -6...6, using: &random)) / 2)
      default: .int(Int64.random(in: -4...4, using: &random))
      }
    }

    static func text(_ scalar: Scalar) -> String {
      switch scalar {
      case .string(let text): "\"\(text)\""
      case .int(let number): "\(number)"
      case .double(let number): "\(number)"
      case .bool(let bool): "\(bool)"
      case .null: "null"
      }
    }

    var json: String {
      var members: [String] = []
      if let list { members.append("\"list\":[\(list.map(Self.text).joined(separator: ","))]") }
      if let number { members.append("\"number\":\(Self.text(number))") }
      if let other { members.append("\"other\":\(Self.text(other))") }
      return "{\(members.joined(separator: ","))}"
    }
  }

  private static func number(_ scalar: Scalar?) -> Double? {
    switch scalar {
    case .int(let number)?: Double(number)
    case .double(let number)?: number
    default: nil
    }
  }

  private static func isSame(_ a: Scalar, _ b: Scalar) -> Bool {
    if let x = number(a), let y = number(b) { return x == y }
    return a == b
  }

  /// With integers as C has them: quotients cut off towards 0, remainders with the sign of the dividend.
  private static func computed(_ scalar: Scalar?, _ steps: [PointFilter.Arithmetic]) -> Double? {
    var value = scalar
    for step in steps {
      switch (value, step.number) {
      case (.int(let x)?, .int(let y)):
        switch step.sign {
        case .add: value = .int(x + y)
        case .subtract: value = .int(x - y)
        case .multiply: value = .int(x * y)
        case .divide: value = y == 0 ? nil : .int(x / y)
        case .remainder: value = y == 0 ? nil : .int(x % y)
        }
      case (let x?, let y):
        guard let x = number(x), let y = number(y) else { return nil }
        switch step.sign {
        case .add: value = .double(x + y)
        case .subtract: value = .double(x - y)
        case .multiply: value = .double(x * y)
        case .divide: value = y == 0 ? nil : .double(x / y)
        case .remainder: return nil
        }
      case (nil, _): return nil
      }
    }
    return number(value)
  }

  private static func isWithin(_ value: Double?, _ lower: PointFilter.Bound?, _ upper: PointFilter.Bound?)
    -> Bool
  {
    guard let value else { return false }
    let isAbove = lower.map { $0.isInclusive ? value >= $0.value : value > $0.value } ?? true
    let isBelow = upper.map { $0.isInclusive ? value <= $0.value : value < $0.value } ?? true
    return isAbove && isBelow
  }

  private static func relation(_ a: Scalar?, _ relation: PointFilter.Relation, _ b: Scalar?) -> Bool {
    func holds<Value: Comparable>(_ x: Value, _ y: Value) -> Bool {
      switch relation {
      case .equal: x == y
      case .less: x < y
      case .lessOrEqual: x <= y
      case .greater: x > y
      case .greaterOrEqual: x >= y
      }
    }
    if let x = number(a), let y = number(b) { return holds(x, y) }
    switch (a, b) {
    case (.string(let x)?, .string(let y)?): return holds(x, y)
    case (.bool(let x)?, .bool(let y)?): return holds(x ? 1 : 0, y ? 1 : 0)
    default: return false
    }
  }

  private static func matches(_ filter: PointFilter, _ payload: Payload) -> Bool {
    switch filter {
    case .not(let part): !matches(part, payload)
    case .fields(_, let sign, _): relation(payload.number, sign, payload.other)
    case .field(_, .containsAny(let values)):
      payload.list.map { list in values.contains { value in list.contains { isSame($0, value) } } } ?? false
    case .field(_, .containsAll(let values)):
      payload.list.map { list in values.allSatisfy { value in list.contains { isSame($0, value) } } } ?? false
    case .field(_, .hasCount(let lower, let upper)):
      payload.list.map { isWithin(Double($0.count), lower, upper) } ?? false
    case .field(_, .element(let place, .isBetween(let lower, let upper))):
      isWithin(payload.list.flatMap { $0.indices.contains(place) ? number($0[place]) : nil }, lower, upper)
    case .field(_, .isBetweenAfter(let steps, let lower, let upper)):
      isWithin(computed(payload.number, steps), lower, upper)
    default: fatalError("not made here: \(filter)")
    }
  }

  private static func filter(_ random: inout SeededGenerator) -> PointFilter {
    func bound(_ random: inout SeededGenerator) -> PointFilter.Bound? {
      Bool.random(using: &random)
        ? PointFilter.Bound(
          Double(Int.random(in: -6...6, using: &random)) / 2, isInclusive: Bool.random(using: &random))
        : nil
    }
    func values(_ random: inout SeededGenerator) -> [Scalar] {
      (0..<Int.random(in: 0...3, using: &random)).map { _ in Payload.scalar(&random) }
    }
    let filter: PointFilter
    switch Int.random(in: 0..<6, using: &random) {
    case 0: filter = .field(["list"], .containsAny(values(&random)))
    case 1: filter = .field(["list"], .containsAll(values(&random)))
    case 2: filter = .field(["list"], .hasCount(lower: bound(&random), upper: bound(&random)))
    case 3:
      filter = .field(
        ["list"],
        .element(
          Int.random(in: 0..<4, using: &random), .isBetween(lower: bound(&random), upper: bound(&random))))
    case 4:
      let relations: [PointFilter.Relation] = [.equal, .less, .lessOrEqual, .greater, .greaterOrEqual]
      filter = .fields(["number"], relations.randomElement(using: &random)!, ["other"])
    default:
      // Remainders of integers only: the field's own numbers may be halves, so they come first or not at all.
      let signs: [PointFilter.Arithmetic.Operator] = [.add, .subtract, .multiply, .divide]
      let steps = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        PointFilter.Arithmetic(
          signs.randomElement(using: &random)!,
          Bool.random(using: &random) ? .int(.random(in: -3...3, using: &random)) : .double(1.5))
      }
      filter = .field(["number"], .isBetweenAfter(steps, lower: bound(&random), upper: bound(&random)))
    }
    return Bool.random(using: &random) ? .not(filter) : filter
  }

  @Test("arrays, arithmetic and pairs of members match what Swift says", arguments: 0..<6 as Range<UInt64>)
  func oracle(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let payloads = (0..<300).map { _ in Payload.random(&random) }
    try withStore(payloads.map(\.json)) { (store, db) throws in
      for _ in 0..<120 {
        let filter = Self.filter(&random)
        let expected = payloads.indices.filter { Self.matches(filter, payloads[$0]) }.map(Int64.init)
        let found = try store.rows(matching: filter, from: 0, to: 300, in: db)
        #expect(found == expected, "seed \(seed), \(filter)")
        // In a delete's or query's words too.
        #expect(try store.liveCount(matching: filter, in: db) == expected.count)
      }
    }
  }

  @Test("a value in place of a missing member is compared, ordered and summed up as if it were stored")
  func whenMissing() throws {
    let word = #""it's \"so\" ?""#
    let payloads = [#"{"a":1,"w":"x"}"#, "", #"{"b":1}"#, #"{"a":null,"w":\#(word)}"#, #"{"a":7}"#]
    // The same points with the values written out.
    let whole = [
      #"{"a":1,"w":"x"}"#, #"{"a":5,"w":\#(word)}"#, #"{"b":1,"a":5,"w":\#(word)}"#,
      #"{"a":null,"w":\#(word)}"#, #"{"a":7,"w":\#(word)}"#,
    ]
    let number = FieldPath(["a"], whenMissing: "5")
    let text = FieldPath(["w"], whenMissing: word)
    #expect(number != ["a"] && number != FieldPath(["a"], whenMissing: "6"))
    func filters(_ a: FieldPath, _ w: FieldPath) -> [PointFilter] {
      let five = PointFilter.Bound(5, isInclusive: true)
      let comparisons: [PointFilter] = [
        .field(a, .exists), .field(a, .isOneOf([.int(5)])), .field(a, .isOneOf([.null, .int(1)])),
        .field(a, .isBetween(lower: five, upper: nil)),
        .field(a, .isBetweenAfter([.init(.add, .int(1))], lower: nil, upper: five)),
        .field(w, .matches(glob: "it*")), .field(w, .isOneOf([.string("it's \"so\" ?")])),
        .field(w, .isTextBetween(lower: .init("j", isInclusive: true), upper: nil)),
        .fields(a, .less, a), .fields(a, .equal, a), .fields(w, .equal, w), .fields(a, .equal, w),
      ]
      return comparisons + comparisons.map { .not($0) }
    }
    var found: [[Int64]] = []
    var expected: [[Int64]] = []
    var values: [[PointFilter.Scalar?]] = []
    for (rows, paths) in [(payloads, (number, text)), (whole, (["a"], ["w"]))] {
      try withStore(rows) { (store, db) throws in
        let matched = try filters(paths.0, paths.1).map {
          try store.rows(matching: $0, from: 0, to: 5, in: db)
        }
        if rows == payloads { found = matched } else { expected = matched }
        let read = try store.values(ofField: paths.0, rows: 0..<5, in: db)
        values.append((0..<5).map { read[$0] })
        let order = try store.live(
          matching: nil, order: [PointOrder(.payload(paths.0), isDescending: true)], limit: 5, offset: 0,
          payloads: false, in: db)
        #expect(order.map(\.row).suffix(4) == [4, 1, 2, 0])
        let sum = try store.aggregate(
          PointAggregation(groups: [], measures: [.init(.sum, of: .payload(paths.0))]), matching: nil,
          limit: 1, offset: 0, in: db)
        #expect(sum == [[.int(18)]])
      }
    }
    #expect(found == expected)
    #expect(values[0] == values[1] && values[0][1] == .int(5))
  }

  @Test(
    "remainders keep the sign of the dividend; the smallest integer by −1 and division by zero are no match")
  func remainders() throws {
    let numbers = [Int64.min, -7, -1, 0, 1, 7, .max]
    try withStore(numbers.map { "{\"number\":\($0)}" }) { (store, db) throws in
      func rows(_ step: PointFilter.Arithmetic, equal value: Double) throws -> [Int64] {
        let bound = PointFilter.Bound(value, isInclusive: true)
        return try store.rows(
          matching: .field(["number"], .isBetweenAfter([step], lower: bound, upper: bound)), from: 0, to: 7,
          in: db)
      }
      #expect(try rows(.init(.remainder, .int(3)), equal: -1) == [1, 2])
      #expect(try rows(.init(.remainder, .int(3)), equal: 1) == [4, 5, 6])
      #expect(try rows(.init(.remainder, .int(0)), equal: 0) == [])
      #expect(try rows(.init(.divide, .int(0)), equal: 0) == [])
      #expect(try rows(.init(.remainder, .int(-1)), equal: 0) == [0, 1, 2, 3, 4, 5, 6])
    }
  }

  @Test("values that SQLite cannot hold match nothing, and too many steps are refused")
  func limits() throws {
    try withStore([#"{"list":["a"],"number":1}"#]) { (store, db) throws in
      for comparison in [
        PointFilter.Comparison.containsAny([.string("\0")]), .containsAll([.string("a"), .string("\0")]),
      ] {
        #expect(try store.rows(matching: .field(["list"], comparison), from: 0, to: 1, in: db) == [])
      }
      #expect(
        try store.rows(
          matching: .field(["list"], .containsAny([.string("\0"), .string("a")])), from: 0, to: 1, in: db)
          == [0])
      let steps = Array(
        repeating: PointFilter.Arithmetic(.add, .int(1)), count: PointFilter.arithmeticStepsMax + 1)
      let failure = code {
        _ = try store.rows(
          matching: .field(["number"], .isBetweenAfter(steps, lower: nil, upper: nil)), from: 0, to: 1, in: db
        )
      }
      #expect(failure == .invalidArgument)
    }
  }
}
