import MoultModel
import Testing

@testable import MoultMilvus

@Suite("Milvus: hits in the order of fields")
struct HitOrderTests {
  private func ids(_ hits: [(PointID, String?)], _ keys: PointOrder...) -> [PointID] {
    HitOrder(keys).sorted(hits.map { FoundPoints.Hit(id: $0.0, score: 0, payload: $0.1) }).map(\.id)
  }

  @Test(
    "numbers, texts by their bytes, booleans; equal ones stay as they came, null stands where it is told to")
  func values() {
    let rows: [(PointID, String?)] = [
      (.int64(1), #"{"n":2,"t":"é","b":true}"#), (.int64(2), #"{"n":-1,"t":"z","b":false}"#),
      (.int64(3), nil),
      (.int64(4), #"{"n":1.5,"t":"a","b":true}"#), (.int64(5), #"{"n":9007199254740993,"t":"z"}"#),
      (.int64(6), #"{"n":9007199254740992,"t":"Z","b":null}"#),
    ]
    func sorted(_ key: PointOrder) -> [Int64] {
      ids(rows, key).map { if case .int64(let id) = $0 { id } else { 0 } }
    }
    func key(_ name: String, descending: Bool = false, nullsFirst: Bool) -> PointOrder {
      PointOrder(.payload([name]), isDescending: descending, nullsFirst: nullsFirst)
    }
    #expect(sorted(key("n", nullsFirst: true)) == [3, 2, 4, 1, 6, 5])
    #expect(sorted(key("n", descending: true, nullsFirst: false)) == [5, 6, 1, 4, 2, 3])
    #expect(sorted(key("t", nullsFirst: false)) == [6, 4, 2, 5, 1, 3])
    #expect(sorted(key("b", nullsFirst: true)) == [3, 5, 6, 2, 1, 4])
    #expect(sorted(PointOrder(.id, isDescending: true)) == [6, 5, 4, 3, 2, 1])
    #expect(
      ids(rows, key("b", descending: true, nullsFirst: false), key("n", nullsFirst: true)).prefix(3)
        == [.int64(4), .int64(1), .int64(2)])
  }

  @Test("of keys of both kinds the integers come first")
  func mixedKeys() {
    let rows: [(PointID, String?)] = [
      (.string("b"), nil), (.int64(9), nil), (.string("a"), nil), (.int64(-1), nil),
    ]
    #expect(ids(rows, PointOrder(.id)) == [.int64(-1), .int64(9), .string("a"), .string("b")])
  }
}
