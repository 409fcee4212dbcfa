import MoultServer
import Testing

@testable import MoultQdrant

@Suite("Payloads that are edited and selected from")
struct PayloadEditTests {
  private static func object(_ text: String) throws -> JSONObject {
    try #require(try JSONReader.parse(text, keepsLarge: true).object)
  }

  private static func text(_ object: JSONObject) -> String {
    var json = JSONWriter()
    json.value(.object(object))
    return String(decoding: json.bytes, as: UTF8.self)
  }

  @Test(
    "set puts members in where the path leads",
    arguments: [
      ("{\"a\":1}", nil, "{\"b\":2}", "{\"a\":1,\"b\":2}"),
      ("{\"a\":1}", nil, "{\"a\":null}", "{}"),
      ("{\"a\":{\"b\":1}}", "a", "{\"c\":2}", "{\"a\":{\"b\":1,\"c\":2}}"),
      ("{\"a\":5}", "a.b", "{\"c\":2}", "{\"a\":{\"b\":{\"c\":2}}}"),
      ("{}", "a.b", "{\"c\":2}", "{\"a\":{\"b\":{\"c\":2}}}"),
      ("{\"l\":[{\"x\":1},{\"x\":2}]}", "l[]", "{\"y\":0}", "{\"l\":[{\"x\":1,\"y\":0},{\"x\":2,\"y\":0}]}"),
      ("{\"l\":[{\"x\":1},{\"x\":2}]}", "l[1].x", "{\"y\":0}", "{\"l\":[{\"x\":1},{\"x\":{\"y\":0}}]}"),
      ("{\"l\":[1]}", "l[3]", "{\"y\":0}", "{\"l\":[1]}"),
      ("{\"l\":1}", "l[0]", "{\"y\":0}", "{\"l\":[]}"),
    ] as [(String, String?, String, String)])
  func set(before: String, path: String?, members: String, after: String) throws {
    var payload = try Self.object(before)
    PayloadEdit.set(try Self.object(members), at: path.flatMap(QdrantPath.init)).apply(to: &payload)
    #expect(Self.text(payload) == after)
  }

  @Test("hidden members stay whatever is done, and nobody is shown them")
  func hidden() throws {
    let before = try Self.object(#"{"$sparse:0":"AAAA","a":1}"#)
    for edit in [PayloadEdit.clear, .overwrite([:])] {
      var payload = before
      edit.apply(to: &payload)
      #expect(Self.text(payload) == #"{"$sparse:0":"AAAA"}"#)
    }
    var json = JSONWriter()
    json.beginObject()
    try WithPayload.all.write(Self.text(before), mayHideMembers: true, to: &json)
    json.endObject()
    #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"payload":{"a":1}}"#)
  }

  @Test("delete takes members out, and elements only all at once")
  func delete() throws {
    var payload = try Self.object(#"{"a":{"b":1,"c":2},"l":[{"x":1,"y":2},3],"m":[1,2],"a.b":4}"#)
    let paths = ["a.b", "l[].x", "m[0]", "absent.x"].compactMap { QdrantPath($0) }
    PayloadEdit.delete(paths).apply(to: &payload)
    #expect(Self.text(payload) == #"{"a":{"c":2},"l":[{"y":2},3],"m":[1,2],"a.b":4}"#)
    PayloadEdit.delete(["m[]", "\"a.b\""].compactMap { QdrantPath($0) }).apply(to: &payload)
    #expect(Self.text(payload) == #"{"a":{"c":2},"l":[{"y":2},3],"m":[]}"#)
  }

  @Test(
    "selectors",
    arguments: [
      (#"["a.b"]"#, #"{"a":{"b":1}}"#), (#"["\"a.b\"","l[].c"]"#, #"{"a.b":4,"l":[{"c":6}]}"#),
      (#"{"exclude":["a","l[].b"]}"#, #"{"aa":{"b":3},"a.b":4,"l":[{"c":6}]}"#), (#"[]"#, "{}"),
      (#"{"include":["l"]}"#, #"{"l":[{"b":5,"c":6}]}"#), (#"["l[0].b"]"#, #"{"l":[]}"#),
    ])
  func selectors(selector: String, selected: String) throws {
    let text = #"{"a":{"b":1,"c":2},"aa":{"b":3},"a.b":4,"l":[{"b":5,"c":6}]}"#
    var json = JSONWriter()
    json.beginObject()
    try WithPayload(try JSONReader.parse(selector), default: true).write(
      text, mayHideMembers: false, to: &json)
    json.endObject()
    #expect(String(decoding: json.bytes, as: UTF8.self) == "{\"payload\":\(selected)}")
  }

  @Test(
    "paths that are none",
    arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a]", "\"a", "a b"])
  func paths(text: String) { #expect(QdrantPath(text) == nil) }
}
