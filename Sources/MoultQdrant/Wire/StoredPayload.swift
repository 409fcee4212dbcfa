internal import MoultModel
internal import MoultServer

/// A payload as the engine keeps it: what the user gave, byte for byte, and, where the collection has sparse vectors,
/// members beside it that hold them.
struct StoredPayload {
  var object: JSONObject

  /// What members that hold sparse vectors begin with. *It is in stored data.*
  static let hiddenPrefix = "$sparse:"

  static func isHidden(_ key: String) -> Bool { key.utf8.starts(with: hiddenPrefix.utf8) }

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
}
