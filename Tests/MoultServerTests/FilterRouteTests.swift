import MoultModel
import MoultServerTesting
import Testing

@testable import MoultServer

@Suite("Conditions on hits in requests")
struct FilterRouteTests {
  private func filter(_ text: String) throws -> PointFilter {
    guard case .object(let object) = try JSONReader.parse(Array(text.utf8)) else {
      throw MoultError(.internalError, "no object")
    }
    return try RequestFields(object, path: "filter.").pointFilter()
  }

  @Test("every condition is read as it is meant")
  func reads() throws {
    #expect(try filter(#"{"ids":[1,"a"]}"#) == .ids([.int64(1), .string("a")]))
    #expect(
      try filter(#"{"field":"lex","equals":"noun.animal"}"#)
        == .field(["lex"], .isOneOf([.string("noun.animal")])))
    #expect(
      try filter(#"{"field":["a","b"],"in":[1,2.5,true,null]}"#)
        == .field(["a", "b"], .isOneOf([.int(1), .double(2.5), .bool(true), .null])))
    #expect(
      try filter(#"{"field":"n","range":{"gte":1,"lt":9}}"#)
        == .field(
          ["n"], .isBetween(lower: .init(1, isInclusive: true), upper: .init(9, isInclusive: false))))
    #expect(try filter(#"{"field":"n","exists":false}"#) == .not(.field(["n"], .exists)))
    #expect(
      try filter(#"{"and":[{"not":{"ids":[1]}},{"or":[{"field":"n","exists":true}]}]}"#)
        == .all([.not(.ids([.int64(1)])), .any([.field(["n"], .exists)])]))
  }

  @Test(
    "what is no condition is refused with its place",
    arguments: [
      (#"{}"#, "expected one of 'ids'"), (#"{"ids":[1],"not":{"ids":[]}}"#, "got 2 members"),
      (#"{"ids":[[1]]}"#, "ids[0]"), (#"{"field":"n"}"#, "'range', 'exists'"),
      (#"{"field":7,"exists":true}"#, "a name or an array of names"), (#"{"near":1}"#, "is no condition"),
      (#"{"field":"n","range":{"gt":1,"gte":2}}"#, "exclude each other"),
      (#"{"field":"n","equals":[1]}"#, "a string, a number"), (#"{"and":[5]}"#, "and[0]"),
    ])
  func refuses(text: String, complaint: String) {
    #expect { try filter(text) } throws: { error in
      (error as? MoultError)?.message.contains(complaint) == true
    }
  }

  @Test("conditions are not read deeper than they may lie")
  func depth() {
    let deep = String(repeating: #"{"not":"#, count: 40) + #"{"ids":[]}"# + String(repeating: "}", count: 40)
    #expect { try filter(deep) } throws: { ($0 as? MoultError)?.message.contains("deep at most") == true }
  }
}

@Suite("Searches with conditions over HTTP")
struct FilteredSearchRouteTests {
  @Test("filter, range and groups reach the search, and what is wrong is named")
  func search() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      func ids(_ more: String) async throws -> [JSON?] {
        let answer = try await server.post(
          "/moult/v1/collections/line/search", #"{"queries":[[0,0]],"limit":4,\#(more)}"#)
        return try answer.json["hits"]?.array?[0].array?.map { $0["id"] } ?? []
      }
      #expect(try await ids(#""filter":{"field":"n","equals":1.5}"#) == [.int(3)])
      #expect(try await ids(#""filter":{"not":{"ids":[1,2]}}"#) == [.int(3), .int(4)])
      #expect(try await ids(#""range":{"gt":0,"lte":4}"#) == [.int(2), .int(3)])
      #expect(try await ids(#""groupBy":{"field":"word"}"#) == [.int(1)])
      let refused = try await server.post(
        "/moult/v1/collections/line/search", #"{"queries":[[0,0]],"filter":{"field":"a\"b","exists":true}}"#)
      #expect(refused.status == 400)
      #expect(try refused.json["error"]?["message"]?.string?.contains("cannot name the field") == true)
      // Multiplied with the number of hits before it was looked at, this once ended the server.
      let huge = try await server.post(
        "/moult/v1/collections/line/search",
        #"{"queries":[[0,0]],"limit":4,"groupBy":{"field":"word","size":9223372036854775807}}"#)
      #expect(huge.status == 400 && huge.text.contains("a group takes"), "\(huge.text)")
    }
  }
}
