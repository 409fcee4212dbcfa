import MoultCompute
import MoultModel
import Testing

@testable import MoultEngine

@Suite("Search window")
struct SearchWindowTests {
  private static func window(
    queryCount: Int = 1, limit: Int = 2, offset: Int = 0, range: SearchRange? = nil,
    grouping: SearchGrouping? = nil
  ) -> SearchWindow {
    SearchWindow(
      queryCount: queryCount, limit: limit, offset: offset, filter: nil, range: range, grouping: grouping)
  }

  /// Rows 0, 1, 2, … with scores that fall.
  private static func neighbors(_ count: Int) -> [GlobalNeighbor] {
    (0..<count).map { GlobalNeighbor(row: Int64($0), score: -Float($0)) }
  }

  @Test("an offset passes over hits, or over whole groups")
  func offsets() throws {
    let hits = try Self.window(offset: 3).choose(
      metric: .innerProduct, search: { [Self.neighbors($0)] }, values: { _, _ in [:] })
    #expect(hits.map { $0.map(\.neighbor.row) } == [[3, 4]])

    // Rows 0 and 1 are of group 0, rows 2 and 3 of group 1, ….
    let groups = try Self.window(offset: 1, grouping: SearchGrouping(field: ["g"], size: 2)).choose(
      metric: .innerProduct, search: { [Self.neighbors($0)] },
      values: { field, rows in
        #expect(field == ["g"])
        return Dictionary(uniqueKeysWithValues: rows.map { ($0, .int($0 / 2)) })
      })
    #expect(groups.map { $0.map(\.neighbor.row) } == [[2, 3, 4, 5]])
  }

  @Test("however deep a range makes a search go, one request never has more neighbours than it may")
  func bounded() throws {
    let window = Self.window(
      queryCount: 1_000, range: SearchRange(upper: .init(-1e9, isInclusive: true)))
    try window.check()
    var asked: [Int] = []
    let hits = try window.choose(
      metric: .innerProduct,
      search: { count in
        asked.append(count)
        return [[GlobalNeighbor]](repeating: Self.neighbors(count), count: 1_000)
      }, values: { _, _ in [:] })
    #expect(hits.joined().isEmpty)
    #expect(asked.last == Engine.hitCountMax / 1_000)
  }

  @Test("windows that cannot be answered are refused with what was expected")
  func refused() throws {
    let cases: [(SearchWindow, MoultError.Code)] = [
      (Self.window(queryCount: 0), .invalidArgument),
      (Self.window(queryCount: Engine.queryCountMax + 1), .invalidArgument),
      (Self.window(limit: 0), .invalidArgument),
      (Self.window(offset: -1), .invalidArgument),
      (Self.window(limit: Engine.limitMax, offset: 1), .invalidArgument),
      (Self.window(limit: 1, offset: .max), .invalidArgument),
      (Self.window(grouping: SearchGrouping(field: ["g"], size: .max)), .invalidArgument),
      (Self.window(queryCount: 1_000, limit: 5_000), .tooLarge),
      (Self.window(range: SearchRange(lower: .init(.nan, isInclusive: true))), .invalidArgument),
    ]
    for (window, code) in cases {
      #expect(throws: MoultError.self) { try window.check() }
      do { try window.check() } catch { #expect(error.code == code, "\(error)") }
    }
    try Self.window(queryCount: 1_000, limit: 4_000).check()
  }
}
