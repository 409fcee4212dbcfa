internal import MoultModel
internal import MoultServer

/// A payload as the engine keeps it: what the user gave, byte for byte, and, where the collection has sparse vectors or
/// multivectors, members beside it that hold them.
///
/// Of a multivector the part of the payload that has its number holds the rows, which storage keeps out of the way of
/// everything else, and a member how many they are, which stays.
struct StoredPayload {
  var object: JSONObject

  /// What members that hold sparse vectors begin with. *It is in stored data.*
  static let hiddenPrefix = "$sparse:"
  /// What members begin with that say how many rows a multivector has. *It is in stored data.*
  static let multiPrefix = "$multi:"
  /// The member that holds parts, by their numbers. It is the first, or storage does not know it. *It is in stored
  /// data.*
  static let partsMember = "$vectors"

  static func isHidden(_ key: String) -> Bool {
    key.utf8.first == UInt8(ascii: "$")
      && (key.utf8.starts(with: hiddenPrefix.utf8) || key.utf8.starts(with: multiPrefix.utf8)
        || key == partsMember)
  }

  static func multiMember(_ part: Int) -> String { multiPrefix + "\(part)" }

  init(object: JSONObject) { self.object = object }

  /// - Throws: `corrupted` for a text that is no object; the engine has checked all that it stores.
  init(_ text: String?) throws {
    guard let text, !text.isEmpty else {
      object = JSONObject()
      return
    }
    guard case .object(let object)? = try? JSONReader.parse(text, keepsLarge: true) else {
      throw MoultError(.corrupted, "a stored payload is no JSON object")
    }
    self.object = object
  }

  /// - Returns: an empty text for an empty payload.
  var text: String {
    guard !object.members.isEmpty else { return "" }
    var json = JSONWriter()
    json.value(.object(object))
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// - Parameter part: its number.
  func multiVector(_ part: Int, dimension: Int) -> QdrantMultiVector? {
    object[Self.partsMember]?["\(part)"]?.string.flatMap {
      QdrantMultiVector(stored: $0, dimension: dimension)
    }
  }

  /// Puts a multivector in, or takes it out.
  mutating func setMultiVector(_ part: Int, _ vector: QdrantMultiVector?) {
    var parts = object[Self.partsMember]?.object ?? JSONObject()
    parts["\(part)"] = vector.map { .string($0.stored) }
    object[Self.multiMember(part)] = vector.map { .int(Int64($0.values.count / $0.dimension)) }
    let rising = parts.members.sorted { Int($0.key) ?? 0 < Int($1.key) ?? 0 }
    let rest = object.members.filter { $0.key != Self.partsMember }
    let head = JSONObject.Member(key: Self.partsMember, value: .object(JSONObject(rising)))
    object = JSONObject(rising.isEmpty ? rest : [head] + rest)
  }
}
