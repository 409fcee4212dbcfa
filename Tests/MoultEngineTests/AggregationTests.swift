import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Ordered queries and groups")
struct AggregationTests {
  /// A point as the oracle knows it. What is nil is null or missing.
  private struct Row {
    var id: Int64
    var group: Int64?
    var text: String?
    var number: Int64?
    var real: Double?
    var flag: Bool?

    var payload: String {
      var members = ["\"text\":\(text.map { "\"\($0)\"" } ?? "null")"]
      if let group { members.append("\"group\":\(group)") }
      if let number { members.append("\"number\":\(number)") }
      if let real { members.append("\"real\":\(real)") }
      members.append("\"flag\":\(flag.map(String.init) ?? "null")")
      return "{\(members.joined(separator: ","))}"
    }
  }

  /// 3,000 points, some replaced and some deleted.
  private func stored(_ random: inout SeededGenerator) async throws -> (EngineHarness, [Row]) {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "rows", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean))
    var rows: [Int64: Row] = [:]
    for _ in 0..<4 {
      var batch: [Row] = []
      for id in Set((0..<1_000).map { _ in Int64.random(in: 0..<3_000, using: &random) }) {
        func maybe<Value>(_ value: Value) -> Value? { random.unit() < 0.1 ? nil : value }
        batch.append(
          Row(
            id: id, group: maybe(Int64.random(in: -3...3, using: &random)),
            text: maybe(["a", "B", "é", "", "aa"].randomElement(using: &random)!),
            // Beyond what a double tells apart.
            number: maybe(9_007_199_254_740_990 + Int64.random(in: 0...9, using: &random)),
            real: maybe(Double(Int.random(in: -8...8, using: &random)) / 4),
            flag: maybe(Bool.random(using: &random))))
      }
      _ = try await harness.engine.write(
        PointBatch(
          ids: batch.map { .int64($0.id) }, vectors: [Float](repeating: 1, count: 2 * batch.count),
          dimension: 2, payloads: batch.map(\.payload)), to: "rows", mode: .upsert)
      for row in batch { rows[row.id] = row }
      let gone = Array(rows.keys.filter { _ in random.unit() < 0.05 })
      _ = try await harness.engine.delete(gone.map { .int64($0) }, from: "rows")
      for id in gone { rows[id] = nil }
    }
    return (harness, rows.values.sorted { $0.id < $1.id })
  }

  /// Whether `left` comes first by one key; nil when both are equal.
  private static func isFirst<Value: Comparable>(_ left: Value?, _ right: Value?, _ order: PointOrder)
    -> Bool?
  {
    switch (left, right) {
    case (nil, nil): return nil
    case (nil, _): return order.nullsFirst
    case (_, nil): return !order.nullsFirst
    case (let left?, let right?):
      if left == right { return nil }
      return order.isDescending ? left > right : left < right
    }
  }

  private static func isFirst(_ left: Row, _ right: Row, _ order: PointOrder) -> Bool? {
    switch order.field {
    case .id: isFirst(left.id, right.id, order)
    case .payload(["group"]): isFirst(left.group, right.group, order)
    case .payload(["text"]): isFirst(left.text.map(Bytes.init), right.text.map(Bytes.init), order)
    case .payload(["number"]): isFirst(left.number, right.number, order)
    case .payload(["real"]): isFirst(left.real, right.real, order)
    default: isFirst(left.flag.map { $0 ? 1 : 0 }, right.flag.map { $0 ? 1 : 0 }, order)
    }
  }

  /// A text that is ordered by its bytes.
  private struct Bytes: Comparable {
    var text: String
    init(_ text: String) { self.text = text }
    static func < (left: Bytes, right: Bytes) -> Bool {
      left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
  }

  @Test("an order by several fields is that of sorting everything, page by page")
  func ordered() async throws {
    var random = SeededGenerator(seed: 5)
    let (harness, rows) = try await stored(&random)
    let fields: [PointField] = [.id] + ["group", "text", "number", "real", "flag"].map { .payload([$0]) }
    for _ in 0..<40 {
      let order = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        PointOrder(
          fields.randomElement(using: &random)!, isDescending: Bool.random(using: &random),
          nullsFirst: [nil, true, false].randomElement(using: &random)!)
      }
      let filtered = Bool.random(using: &random)
      let filter: PointFilter? = filtered ? .field(["group"], .isOneOf([.int(1), .int(2)])) : nil
      let expected = rows.filter { !filtered || $0.group == 1 || $0.group == 2 }.sorted { left, right in
        for key in order { if let first = Self.isFirst(left, right, key) { return first } }
        return left.id < right.id
      }
      let (limit, offset) = (
        Int.random(in: 1...300, using: &random), Int.random(in: 0...500, using: &random)
      )
      let page = try await harness.engine.query(
        "rows", filter: filter, order: order, limit: limit, offset: offset, includeVectors: false,
        includePayload: true)
      let wanted = Array(expected.dropFirst(offset).prefix(limit))
      #expect(page.points.map(\.id) == wanted.map { .int64($0.id) }, "\(order) \(limit) \(offset)")
      #expect(page.points.map(\.payload) == wanted.map(\.payload))
    }
    try await harness.shutDown()
  }

  @Test("groups and their numbers are those of adding up everything")
  func grouped() async throws {
    var random = SeededGenerator(seed: 6)
    let (harness, rows) = try await stored(&random)
    let number = PointField.payload(["number"])
    let real = PointField.payload(["real"])
    let aggregation = PointAggregation(
      groups: [.payload(["group"]), .payload(["text"])],
      measures: [
        .init(.count), .init(.count, of: real), .init(.sum, of: number), .init(.min, of: number),
        .init(.max, of: number), .init(.sum, of: real), .init(.average, of: real),
        .init(.max, of: .payload(["text"])),
      ], order: [PointOrder(.payload(["text"]), isDescending: true)])
    let found = try await harness.engine.aggregate("rows", aggregation, filter: nil, limit: 1_000).groups
    let expected = Dictionary(grouping: rows) {
      "\($0.group.map(String.init) ?? "null") \($0.text ?? "null")"
    }
    #expect(found.count == expected.count)
    for group in found {
      let name = group[0...1].map { value in
        switch value {
        case .int(let number): "\(number)"
        case .string(let text): text
        default: "null"
        }
      }.joined(separator: " ")
      let rows = try #require(expected[name])
      let (numbers, reals) = (rows.compactMap(\.number), rows.compactMap(\.real))
      #expect(group[2] == .int(Int64(rows.count)) && group[3] == .int(Int64(reals.count)))
      #expect(group[4] == .int(numbers.reduce(0, +)))
      #expect(group[5] == .int(numbers.min()!) && group[6] == .int(numbers.max()!))
      // Quarters add up exactly.
      #expect(group[7] == .double(reals.reduce(0, +)))
      #expect(group[8] == .double(reals.reduce(0, +) / Double(reals.count)))
      #expect(group[9] == (rows[0].text.map { .string($0) } ?? .null))
    }
    let texts = found.map { if case .string(let text) = $0[1] { Bytes(text) } else { nil as Bytes? } }
    #expect(texts.first == .some(nil), "what has no value comes first where the order descends")
    #expect(texts.compactMap(\.self) == texts.compactMap(\.self).sorted(by: >))
    let page = try await harness.engine.aggregate("rows", aggregation, filter: nil, limit: 5, offset: 3)
      .groups
    #expect(page == Array(found[3..<8]))
    try await harness.shutDown()
  }

  @Test("without groups there is one row, also of nothing; a sum beyond 64 bits is refused")
  func total() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "rows", schema: CollectionSchema(dimension: 1, metric: .squaredEuclidean))
    let aggregation = PointAggregation(
      groups: [], measures: [.init(.count), .init(.sum, of: .payload(["n"])), .init(.average, of: .id)])
    func groups() async throws -> [[PointFilter.Scalar]] {
      try await harness.engine.aggregate("rows", aggregation, filter: nil, limit: 10).groups
    }
    #expect(try await groups() == [[.int(0), .null, .null]])
    for (id, number) in [(1, Int64.max), (2, -5), (3, 10)] as [(Int64, Int64)] {
      _ = try await harness.engine.write(
        PointBatch(ids: [.int64(id)], vectors: [0], dimension: 1, payloads: ["{\"n\":\(number)}"]),
        to: "rows",
        mode: .upsert)
      if id == 2 { #expect(try await groups() == [[.int(2), .int(.max - 5), .double(1.5)]]) }
    }
    let error = await #expect(throws: MoultError.self) { try await groups() }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("beyond 64 bits") == true)
    try await harness.shutDown()
  }
}
