internal import MoultModel
internal import MoultServer

/// A text in the place of a vector, which the server makes one of: `{"text", "model", "options"}`.
struct QdrantDocument: Sendable, Equatable {
  static let textBytesMax = 1 << 20

  var text: String
  var model: String
  var options: JSONObject

  /// Whether an object is one, and no vectors by their names.
  static func isDocument(_ object: JSONObject) -> Bool {
    object["text"]?.string != nil && object["model"] != nil
  }

  /// - Returns: `nil` for JSON that is none.
  /// - Throws: 400 for one that cannot be, and for an image or another object in its place.
  init?(_ json: JSON, at path: String) throws(QdrantError) {
    guard let object = json.object else { return nil }
    for kind in ["image", "object"] where object[kind] != nil && object["model"] != nil {
      throw .badRequest("\(path): vectors cannot be made of an \(kind) here; send the vector itself")
    }
    guard Self.isDocument(object) else { return nil }
    let fields = QdrantFields(object, at: path)
    text = try fields.required("text", try fields.string("text"))
    model = try fields.required("model", try fields.string("model"))
    options = try fields.fields("options")?.object ?? JSONObject()
    guard text.utf8.count <= Self.textBytesMax else {
      throw .badRequest("\(path).text: expected \(Self.textBytesMax) bytes at most, got \(text.utf8.count)")
    }
  }
}
