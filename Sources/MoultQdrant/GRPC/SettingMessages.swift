internal import Foundation
internal import MoultModel
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

/// Settings of collections, which REST and gRPC call by the same names: as the one's JSON and the other's messages.
///
/// Protobuf has a JSON form of its own. It differs from REST's in how values of enumerations are written (`OneBit`,
/// `one_bit`), and in a few members that are messages in the one and words in the other.
enum SettingMessages {
  /// Members whose values are words of an enumeration; `compression` has the same ones in both.
  private static let words: Set<String> = [
    "memory", "tokenizer", "datatype", "type", "encoding", "modifier", "comparator", "sharding_method",
    "bits",
  ]

  /// - Throws: what protobuf has no JSON for: a number that is not finite.
  static func json(_ message: some SwiftProtobuf.Message) throws -> JSONObject {
    var options = JSONEncodingOptions()
    options.preserveProtoFieldNames = true
    options.alwaysPrintInt64sAsNumbers = true
    let bytes: [UInt8] = try message.jsonUTF8Bytes(options: options)
    guard case .object(let object) = try JSONReader.parse(String(decoding: bytes, as: UTF8.self)) else {
      return [:]
    }
    return rest(object)
  }

  /// The opposite; members that the message does not know, or whose values it cannot hold, are passed over: settings
  /// are kept as they were given, also those that nothing here reads.
  static func message<Message: SwiftProtobuf.Message>(_ type: Message.Type, _ json: JSON?) throws -> Message {
    guard case .object(let object)? = json else { return Message() }
    var options = JSONDecodingOptions()
    options.ignoreUnknownFields = true
    func read(_ object: JSONObject) throws -> Message {
      var writer = JSONWriter()
      writer.value(.object(object))
      return try Message(jsonUTF8Bytes: writer.bytes, options: options)
    }
    let given = proto(object)
    if let message = try? read(given) { return message }
    return try read(readable(given) { (try? read($0)) != nil })
  }

  /// An object without the members that cannot be read.
  ///
  /// - Parameter canRead: whether an object with some of its members can be read.
  private static func readable(_ object: JSONObject, _ canRead: (JSONObject) -> Bool) -> JSONObject {
    if canRead(object) { return object }
    let members = object.members.compactMap { member -> JSONObject.Member? in
      if canRead(JSONObject([member])) { return member }
      guard case .object(let inner) = member.value else { return nil }
      func with(_ inner: JSONObject) -> JSONObject {
        JSONObject([JSONObject.Member(key: member.key, value: .object(inner))])
      }
      let kept = with(readable(inner) { canRead(with($0)) })
      return canRead(kept) ? kept.members.first : nil
    }
    let kept = JSONObject(members)
    // Each can be read alone: if not together, they exclude each other.
    return canRead(kept) ? kept : JSONObject(Array(members.prefix(1)))
  }

  // MARK: To REST

  private static func rest(_ object: JSONObject) -> JSONObject {
    JSONObject(
      object.members.map { member in
        JSONObject.Member(
          key: member.key == "turboquant" ? "turbo" : member.key, value: rest(member.key, member.value))
      })
  }

  private static func rest(_ key: String, _ value: JSON) -> JSON {
    switch (key, value) {
    case (_, .string(let word)) where words.contains(key): return .string(snakeCase(word))
    case ("query_encoding", .object(let object)):
      return .string((object["setting"]?.string ?? "default").lowercased())
    case ("max_optimization_threads", .object(let object)): return object["value"] ?? .string("auto")
    case ("stemmer", .object(let object)):
      guard let language = object["snowball"]?["language"] else { return .object(["type": .string("none")]) }
      return .object(["type": .string("snowball"), "language": language])
    case (_, .object(let object)): return .object(rest(object))
    default: return value
    }
  }

  /// `OneBit` → `one_bit`.
  private static func snakeCase(_ word: String) -> String {
    var text = ""
    for (place, character) in zip(word.indices, word) {
      if character.isUppercase, place > word.startIndex { text += "_" }
      text += character.lowercased()
    }
    return text
  }

  // MARK: To messages

  private static func proto(_ object: JSONObject) -> JSONObject {
    JSONObject(
      object.members.compactMap { member in
        guard member.value != .null else { return nil }
        return JSONObject.Member(
          key: member.key == "turbo" ? "turboquant" : member.key, value: proto(member.key, member.value))
      })
  }

  private static func proto(_ key: String, _ value: JSON) -> JSON {
    switch (key, value) {
    case (_, .string(let word)) where words.contains(key): return .string(camelCase(word))
    case ("query_encoding", .string(let word)):
      let names = [
        "default": "Default", "binary": "Binary", "scalar4bits": "Scalar4Bits", "scalar8bits": "Scalar8Bits",
      ]
      return .object(["setting": .string(names[word] ?? "Default")])
    case ("max_optimization_threads", .string): return .object(["setting": .string("Auto")])
    case ("max_optimization_threads", .int(let count)): return .object(["value": .int(count)])
    case ("stemmer", .object(let object)):
      guard let language = object["language"] else { return .object(["disabled": .object([:])]) }
      return .object(["snowball": .object(["language": language])])
    case ("stopwords", .string(let language)): return .object(["languages": .array([.string(language)])])
    case (_, .object(let object)): return .object(proto(object))
    default: return value
    }
  }

  /// `one_bit` → `OneBit`, and `bits1_5` → `Bits1_5`.
  private static func camelCase(_ word: String) -> String {
    var text = ""
    for part in word.split(separator: "_") {
      if part.first?.isNumber == true { text += "_" }
      text += part.prefix(1).uppercased() + part.dropFirst()
    }
    return text
  }
}
