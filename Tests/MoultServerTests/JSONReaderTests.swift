import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultServer

@Suite("JSONReader")
struct JSONReaderTests {
  // MARK: What is JSON and what is not, in the manner of JSONTestSuite

  static let valid: [(String, JSON)] = [
    ("null", .null), ("true", .bool(true)), (" \n\t\rfalse ", .bool(false)),
    ("0", .int(0)), ("-0", .int(0)), ("-7", .int(-7)), ("123456789012345678", .int(123_456_789_012_345_678)),
    ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
    ("9223372036854775808", .double(9_223_372_036_854_775_808)),
    ("-9223372036854775809", .double(-9_223_372_036_854_775_808)),
    ("123456789012345678901234567890", .double(123_456_789_012_345_677_877_719_597_056)),
    ("1.0", .double(1)), ("-0.0", .double(-0.0)), ("1e3", .double(1000)), ("1E+3", .double(1000)),
    ("1e-3", .double(0.001)), ("0e0", .double(0)), ("0.1", .double(0.1)), ("1.5e300", .double(1.5e300)),
    ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-400", .double(0)),
    ("0.30000000000000004", .double(0.30000000000000004)),
    ("0.00000000000000000000000000001", .double(1e-29)),
    ("9007199254740993.0", .double(9_007_199_254_740_992)),
    (#""""#, .string("")), (#""a""#, .string("a")), (#""ä€😀""#, .string("ä€😀")),
    (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")), (#""\u0041\u00e4\u20AC""#, .string("Aä€")),
    (#""\uD83D\ude00""#, .string("😀")), (#""\u0000""#, .string("\0")), (#""\u007f""#, .string("\u{7f}")),
    ("\"\u{7f}\"", .string("\u{7f}")),
    ("\"\u{2028}\u{FFFF}\u{10FFFF}\"", .string("\u{2028}\u{FFFF}\u{10FFFF}")),
    ("\"eight by sixteen byte run, then \\n escape\"", .string("eight by sixteen byte run, then \n escape")),
    ("[]", .array([])), ("[ ]", .array([])), ("[1,null]", .array([.int(1), .null])),
    ("[[],[[]]]", .array([.array([]), .array([.array([])])])),
    ("{}", .object([:])), ("{ }", .object([:])),
    (#"{"a":1,"b":[2]}"#, .object(["a": .int(1), "b": .array([.int(2)])])),
    (#" { "a" : { "" : null } } "#, .object(["a": .object(["": .null])])),
    (#"{"a":1,"b":2,"a":3}"#, .object(["a": .int(3), "b": .int(2)])),
  ]

  @Test("reads every kind of document", arguments: valid)
  func readsValid(text: String, expected: JSON) throws {
    let value = try JSONReader.parse(text)
    #expect(value == expected)
    if case .double(let read) = value, case .double(let wanted) = expected {
      #expect(read.bitPattern == wanted.bitPattern)
    }
  }

  /// Text, byte offset of the fault, part of the message.
  static let invalid: [(String, Int, String)] = [
    ("", 0, "a JSON value"), ("   ", 3, "the end of the text"), ("1 2", 2, "the end of the text"),
    ("nul", 3, "'null'"), ("nulL", 3, "found 'L'"), ("True", 0, "found 'T'"), ("NaN", 0, "a JSON value"),
    ("Infinity", 0, "a JSON value"), ("-Infinity", 1, "a digit"), ("+1", 0, "found '+'"),
    ("01", 1, "leading zero"),
    ("-01", 2, "leading zero"), ("00", 1, "leading zero"), ("1.", 2, "a digit"), (".5", 0, "found '.'"),
    ("1.e5", 2, "a digit"), ("1e", 2, "a digit"), ("1e+", 3, "a digit"), ("-", 1, "a digit"),
    ("0x10", 1, "end"),
    ("1_000", 1, "end"), ("1e400", 0, "float64"), ("-1e309", 0, "found -1e309"), ("'a'", 0, "found '''"),
    ("\"a", 2, "opens at byte 0"), ("\"", 1, "to close"), (#""\"#, 2, "after '\\'"),
    (#""\x""#, 2, "after '\\'"),
    (#""\u12""#, 5, "four hexadecimal"), (#""\u12G4""#, 5, "found 'G'"), (#""\uD800""#, 7, "low half"),
    (#""\uD800\u0041""#, 7, "low half"), (#""\uDC00""#, 1, "without its high"),
    (#""\uD800\n""#, 7, "low half"),
    ("\"a\nb\"", 2, "control"), ("\"0123456789\u{1}\"", 11, "0x01"), ("\"\0\"", 1, "0x00"),
    ("[", 1, "a JSON value"), ("[1", 2, "',' or ']'"), ("[1,", 3, "a JSON value"), ("[1,]", 3, "found ']'"),
    ("[,1]", 1, "found ','"), ("[1 2]", 3, "',' or ']'"), ("[1}", 2, "',' or ']'"), ("]", 0, "a JSON value"),
    ("{", 1, "member's name"), ("{1:2}", 1, "member's name"), (#"{"a"}"#, 4, "':'"),
    (#"{"a":}"#, 5, "found '}'"),
    (#"{"a":1,}"#, 7, "member's name"), (#"{"a":1 "b":2}"#, 7, "',' or '}'"), ("{a:1}", 1, "found 'a'"),
    (#"{"a":1]"#, 6, "',' or '}'"), (#"{"a":1}}"#, 7, "end of the text"), ("// x\n1", 0, "found '/'"),
    ("[1] // x", 4, "end of the text"), ("\u{FEFF}1", 0, "0xEF"), ("\u{a0}1", 0, "0xC2"), ("1\0", 1, "0x00"),
  ]

  @Test("refuses everything else and says where and why", arguments: invalid)
  func refusesInvalid(text: String, offset: Int, message: String) throws {
    let error = try #require(throws: JSONError.self) { try JSONReader.parse(text) }
    #expect(error.offset == offset, "\(error)")
    #expect(error.description.contains(message), "\(error)")
    // In a vector the same text is as wrong as elsewhere.
    #expect(throws: JSONError.self) { try JSONReader.parse("{\"v\":[\(text)", floatKeys: ["v"]) }
  }

  static let malformedUTF8: [[UInt8]] = [
    [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE2, 0x82],
    [0xE2, 0x28, 0xA1], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98],
    [0xF0, 0x9F, 0x28, 0x80],
    [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
  ]

  @Test("refuses malformed UTF-8, inside and at the end of strings", arguments: malformedUTF8)
  func refusesMalformedUTF8(bytes: [UInt8]) {
    let closed = Array("\"abc".utf8) + bytes + Array("\"".utf8)
    let open = Array("\"abc".utf8) + bytes
    #expect(throws: JSONError.self) { try JSONReader.parse(closed) }
    #expect(throws: JSONError.self) { try JSONReader.parse(open) }
    #expect(String(validating: closed, as: UTF8.self) == nil)
  }

  @Test("64 levels are accepted, 65 are refused, a million do not crash")
  func depth() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    _ = try JSONReader.parse(nested(64))
    #expect(throws: JSONError.self) { try JSONReader.parse(nested(65)) }
    #expect(throws: JSONError.self) { try JSONReader.parse(nested(1_000_000)) }
    let objects = String(repeating: #"{"a":"#, count: 100_000)
    let error = try #require(throws: JSONError.self) { try JSONReader.parse(objects) }
    #expect(error.description.contains("nested"))
    _ = try JSONReader.parse("[[1]]", depthMax: 2)
    #expect(throws: JSONError.self) { try JSONReader.parse("[[1]]", depthMax: 1) }
  }

  @Test("a hundred thousand members with names that repeat keep the last values, quickly")
  func manyMembers() throws {
    let text = "{" + (0..<100_000).map { "\"k\($0 % 50_000)\":\($0)" }.joined(separator: ",") + "}"
    let object = try #require(try JSONReader.parse(text).object)
    #expect(object.members.count == 50_000)
    #expect(object.members[49_999].key == "k49999")
    #expect(object.members[49_999].value == .int(99_999))
  }

  @Test("members say where their values stand in the text")
  func memberText() throws {
    let text = #"{"id": 7, "payload" : { "n": 1.50 } , "vector":[1, 2]}"#
    let object = try #require(try JSONReader.parse(text, floatKeys: ["vector"]).object)
    let payload = try #require(object.member("payload"))
    #expect(Array(text.utf8)[payload.text] == Array(#"{ "n": 1.50 }"#.utf8)[...])
    #expect(object["vector"] == .floats([1, 2]))
    #expect(object["nothing"] == nil)
  }

  // MARK: Vectors

  @Test("arrays under the given names become floats, others do not")
  func floatKeys() throws {
    let text = #"{"DATA":[[1,2],[3.5]],"data2":[1],"vector":[],"x":{"Vector":[-1e1]}}"#
    let value = try JSONReader.parse(text, floatKeys: ["vector", "data"])
    #expect(value["DATA"] == .array([.floats([1, 2]), .floats([3.5])]))
    #expect(value["data2"] == .array([.int(1)]))
    #expect(value["vector"] == .array([]))
    #expect(value["vector"]?.floats == [])
    #expect(value["x"]?["Vector"] == .floats([-10]))
    #expect(value["DATA"]?.array?.first?.array == [.double(1), .double(2)])
    #expect(value["data2"]?.floats == [1])
  }

  @Test("an object under such a name starts anew")
  func objectsInFloatArrays() throws {
    let text = #"{"data":[{"id":9007199254740993,"vector":[0.5],"tags":[16777217]}]}"#
    let row = try #require(try JSONReader.parse(text, floatKeys: ["vector", "data"])["data"]?.array?.first)
    #expect(row["id"] == .int(9_007_199_254_740_993))
    #expect(row["vector"] == .floats([0.5]))
    #expect(row["tags"] == .array([.int(16_777_217)]))
  }

  @Test("an array that holds more than numbers is plain JSON")
  func mixedArrays() throws {
    let value = try JSONReader.parse(#"{"v":[16777217, "a", [1]]}"#, floatKeys: ["v"])
    #expect(value["v"] == .array([.int(16_777_217), .string("a"), .array([.int(1)])]))
    #expect(value["v"]?.floats == nil)
    #expect(try JSONReader.parse(#"{"v":[null]}"#, floatKeys: ["v"])["v"] == .array([.null]))
  }

  @Test(
    "a number beyond float32 is refused with its place",
    arguments: ["1e39", "-3.4028236e38", "1e99999999999"])
  func floatRange(text: String) throws {
    let error = try #require(throws: JSONError.self) {
      try JSONReader.parse("{\"v\":[1, \(text)]}", floatKeys: ["v"])
    }
    #expect(error.offset == 9)
    #expect(error.description.contains("float32"))
    #expect(error.description.contains(text))
    let largest = try JSONReader.parse(#"{"v":[3.4028235e38, 3.40282356779733661637e38]}"#, floatKeys: ["v"])
    #expect(largest["v"] == .floats([.greatestFiniteMagnitude, .greatestFiniteMagnitude]))
  }

  @Test("floats are those of the exact conversion: 100 000 random decimals and halfway cases")
  func floatsAreExact() throws {
    var random = SeededGenerator(seed: 20_261)
    var texts = [
      "16777217", "16777219", "16777217.0000000000000000000000001", "0.0", "-0.0", "-0", "1e-46", "0e999",
    ]
    texts += [
      "7.006492321624085e-46", "7.0064923216240854e-46", "1.1754943508222875e-38", "1e-45", "0.000e-77",
    ]
    for _ in 0..<100_000 {
      texts.append(Self.decimal(using: &random))
    }
    let joined = "{\"v\":[" + texts.joined(separator: ",") + "]}"
    guard case .floats(let floats) = try JSONReader.parse(joined, floatKeys: ["v"])["v"] else {
      Issue.record("not floats")
      return
    }
    #expect(floats.count == texts.count)
    for (text, float) in zip(texts, floats) where float.bitPattern != Float(text)!.bitPattern {
      Issue.record("\(text) read as \(float), expected \(Float(text)!)")
    }
  }

  @Test("doubles are those of the exact conversion")
  func doublesAreExact() throws {
    var random = SeededGenerator(seed: 20_262)
    for _ in 0..<50_000 {
      let bits = Double(bitPattern: random.next() & 0xBFFF_FFFF_FFFF_FFFF)
      let text = random.next() & 1 == 0 && bits.isFinite ? "\(bits)" : Self.decimal(using: &random)
      let expected = Double(text)!
      switch try JSONReader.parse(text) {
      case .double(let value):
        #expect(value.bitPattern == expected.bitPattern, "\(text)")
      case .int(let value):
        #expect(Int64(text) == value)
      default: Issue.record("\(text) is not a number")
      }
    }
  }

  /// A decimal in float32's range: shortest floats and doubles, midpoints of floats with and without a
  /// digit far behind, random digits with random exponents.
  static func decimal(using random: inout SeededGenerator) -> String {
    func finite() -> Float {
      while true {
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        if value.isFinite { return value }
      }
    }
    switch random.next() % 6 {
    case 0: return "\(finite())"
    case 1: return "\(Double(finite()) * 0.999_999_9)"
    case 2: return "\(Float.random(in: -1...1, using: &random))"
    case 3:
      // Exactly between two floats near 1, where the decimal expansion is short enough to be written.
      let low = Float.random(in: 0.01...2, using: &random)
      let middle = (Double(low) + Double(low.nextUp)) / 2
      let exact = String(format: "%.60f", middle)
      return exact + ["", "1", "000000000001"][Int(random.next() % 3)]
    case 4:
      let low = Float.random(in: 0.01...2, using: &random)
      let middle = (Double(low) + Double(low.nextUp)) / 2
      return "\([middle, middle.nextUp, middle.nextDown][Int(random.next() % 3)])"
    default:
      var digits = ""
      for _ in 0...(random.next() % 24) { digits += "\(random.next() % 10)" }
      return "\(random.next() % 10).\(digits)e\(Int(random.next() % 80) - 46)"
    }
  }

  // MARK: Against Foundation and against itself

  @Test("agrees with JSONSerialization on random documents, and with itself after writing")
  func agreesWithFoundation() throws {
    var random = SeededGenerator(seed: 20_263)
    for round in 0..<2_000 {
      let text = Self.document(depth: 4, using: &random)
      let value = try JSONReader.parse(text)
      let theirs = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      #expect(Self.equal(value, theirs), "round \(round): \(text)")

      var writer = JSONWriter()
      writer.value(value)
      #expect(try JSONReader.parse(writer.bytes) == value, "round \(round): \(text)")
    }
  }

  static func equal(_ ours: JSON, _ theirs: Any) -> Bool {
    switch ours {
    case .null: return theirs is NSNull
    case .bool(let value): return (theirs as? Bool) == value
    case .int(let value): return (theirs as? NSNumber)?.int64Value == value
    case .double(let value):
      // Foundation goes through Decimal and misses the last bits; exactness has its own test.
      return ((theirs as? NSNumber)?.doubleValue).map { abs($0 - value) <= abs(value) * 1e-14 } ?? false
    case .string(let value): return (theirs as? String).map { Array($0.utf8) == Array(value.utf8) } ?? false
    case .floats, .large: return false
    case .array(let values):
      guard let theirs = theirs as? [Any] else { return false }
      return values.count == theirs.count && zip(values, theirs).allSatisfy(equal)
    case .object(let object):
      guard let theirs = theirs as? [String: Any] else { return false }
      return object.members.count == theirs.count
        && object.members.allSatisfy { member in theirs[member.key].map { equal(member.value, $0) } ?? false }
    }
  }

  static func document(depth: Int, using random: inout SeededGenerator) -> String {
    func space() -> String { ["", "", "", " ", "\n", "\t\r\n "][Int(random.next() % 6)] }
    func string() -> String {
      let pieces = [
        "a", "Z", " ", "ä", "€", "😀", #"\n"#, #"\""#, #"\\"#, #"\/"#, #"\u0041"#, #"\uD83D\uDE00"#,
        "0123456789",
        #"\u00e9"#, "{", "]", ",",
      ]
      return "\"" + (0..<(random.next() % 9)).map { _ in pieces[Int(random.next() % 17)] }.joined() + "\""
    }
    switch random.next() % (depth > 0 ? 10 : 6) {
    case 0: return ["null", "true", "false"][Int(random.next() % 3)]
    case 1: return "\(Int64(bitPattern: random.next()) >> Int64(random.next() % 64))"
    case 2, 3: return "\(Double.random(in: -1000...1000, using: &random))"
    case 4, 5: return string()
    case 6, 7:
      let elements = (0..<(random.next() % 5)).map { _ in
        space() + document(depth: depth - 1, using: &random) + space()
      }
      return "[" + elements.joined(separator: ",") + "]"
    default:
      let members = (0..<(random.next() % 5)).map { index in
        space() + "\"\(index)" + string().dropFirst() + space() + ":" + space()
          + document(depth: depth - 1, using: &random) + space()
      }
      return "{" + members.joined(separator: ",") + "}"
    }
  }

  @Test("no bytes crash the reader, and it accepts what the validator accepts")
  func fuzz() {
    var random = SeededGenerator(seed: 20_264)
    let alphabet = Array(#"{}[]",:\u0123456789abcdefDtrn.-+Ee "#.utf8) + [0, 0x0A, 0x80, 0xC3, 0xA4, 0xFF]
    for round in 0..<60_000 {
      var bytes: [UInt8]
      switch round % 3 {
      case 0: bytes = (0..<(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      case 1:
        bytes = (0..<(random.next() % 40)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
      default:
        bytes = Array(("{\"v\":" + Self.document(depth: 2, using: &random) + "}").utf8)
        for _ in 0..<(1 + random.next() % 3) {
          bytes[Int(random.next() % UInt64(bytes.count))] =
            alphabet[Int(random.next() % UInt64(alphabet.count))]
        }
        bytes.removeLast(Int(random.next() % 2))
      }
      var asObject = false
      do throws(JSONError) {
        let value = try JSONReader.parse(bytes)
        asObject = value.object != nil
        // As a vector only the range is narrower.
        do throws(JSONError) {
          _ = try JSONReader.parse(bytes, floatKeys: ["v"])
        } catch {
          #expect(error.description.contains("float32"), "round \(round): \(bytes)")
        }
      } catch {
        #expect(error.offset <= bytes.count)
        if error.expected.contains("float64") { continue }
      }
      let isObject = bytes.withUnsafeBufferPointer { bytes in
        do throws(JSONError) {
          try JSONReader.validateObject(utf8: bytes)
          return true
        } catch {
          return false
        }
      }
      #expect(isObject == asObject, "round \(round): \(bytes)")
    }
  }

  @Test("errors become messages that name the text")
  func errorMessages() throws {
    let error = try #require(throws: JSONError.self) { try JSONReader.parse("[1,]") }
    #expect(
      error.moultError("the request's body")
        == MoultError(
          .invalidArgument,
          "the request's body is not valid JSON: expected a JSON value at byte 3, found ']'"))
    let payload = try #require(throws: JSONError.self) { try JSONText.validateObject("[]") }
    #expect(payload.description == "expected an object ('{') at byte 0, found '['")
  }

  // MARK: Speed

  @Test("prints its speed")
  func speed() throws {
    var random = SeededGenerator(seed: 7)
    #if DEBUG
      let rows = 50
    #else
      let rows = 2_000
    #endif
    for (name, digits) in [("float32 shortest", false), ("float64 shortest", true)] {
      var text = #"{"data":["#
      for row in 0..<rows {
        let vector = (0..<384).map { _ -> String in
          let value = Float.random(in: -0.2...0.2, using: &random)
          return digits ? "\(Double(value))" : "\(value)"
        }
        text += (row > 0 ? "," : "") + "{\"id\":\(row),\"vector\":[" + vector.joined(separator: ", ") + "]}"
      }
      text += "]}"
      let bytes = Array(text.utf8)
      let clock = ContinuousClock()
      var best = Duration.seconds(1_000)
      for _ in 0..<3 {
        best = min(
          best, try clock.measure { _ = try JSONReader.parse(bytes, floatKeys: ["vector", "data"]) })
      }
      let validation = clock.measure { _ = try? JSONText.validateObject(text) }
      print(
        "JSONReader, \(name): \(Self.rate(bytes.count, best)) MB/s, validation",
        "\(Self.rate(bytes.count, validation)) MB/s")
    }
  }

  static func rate(_ bytes: Int, _ duration: Duration) -> Int {
    Int(Double(bytes) / (duration / .seconds(1)) / 1e6)
  }
}

@Suite("JSONWriter")
struct JSONWriterTests {
  @Test("commas come by themselves")
  func structure() {
    var json = JSONWriter()
    json.beginObject()
    json.member("code", 0)
    json.member("ok", true)
    json.member("cost", 1.5)
    json.member("score", Float(0.1))
    json.member("vector", [Float(1), -0.5])
    json.member("payload", raw: #"{"a": 1}"#)
    json.key("data")
    json.beginArray()
    json.beginObject()
    json.endObject()
    json.beginArray()
    json.endArray()
    json.value(Int64.min)
    json.null()
    json.value(Float.nan)
    json.value(Double.infinity)
    json.endArray()
    json.member("last", JSON.object(["x": .floats([2]), "y": .array([.int(-10)])]))
    json.endObject()
    #expect(
      String(decoding: json.bytes, as: UTF8.self)
        == #"{"code":0,"ok":true,"cost":1.5,"score":0.1,"vector":[1.0,-0.5],"payload":{"a": 1},"#
        + #""data":[{},[],-9223372036854775808,null,null,null],"last":{"x":[2.0],"y":[-10]}}"#)
  }

  @Test("every character of a string survives")
  func strings() throws {
    var everything = "\u{2028}\u{10FFFF}é\\\"/"
    for scalar in 0..<0x200 { everything.unicodeScalars.append(Unicode.Scalar(UInt32(scalar))!) }
    var json = JSONWriter()
    json.value(everything)
    let read = try #require(try JSONReader.parse(json.bytes).string)
    #expect(Array(read.utf8) == Array(everything.utf8))
    #expect(
      try JSONSerialization.jsonObject(with: Data(json.bytes), options: .fragmentsAllowed) as? String
        == everything)
  }

  @Test("floats read back bit for bit")
  func floats() throws {
    var random = SeededGenerator(seed: 11)
    var floats: [Float] = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e16, 1e-5, 16_777_216]
    while floats.count < 20_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      if value.isFinite { floats.append(value) }
    }
    var json = JSONWriter()
    json.beginObject()
    json.member("v", floats)
    json.endObject()
    let read = try #require(try JSONReader.parse(json.bytes, floatKeys: ["v"])["v"]?.floats)
    #expect(read.map(\.bitPattern) == floats.map(\.bitPattern))
  }
}
