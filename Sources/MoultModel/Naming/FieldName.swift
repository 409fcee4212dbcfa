/// How one vector field of a collection is addressed where a collection is meant: `words:title` is the field `title`
/// of the collection (or alias) `words`.
///
/// The first field of a collection is addressed by the collection's own name.
public enum FieldName {
  /// No name of a collection, alias or field has it.
  public static let separator: Character = ":"

  public static func joined(_ collection: String, _ field: String) -> String {
    "\(collection)\(separator)\(field)"
  }

  /// - Returns: `nil` for what names no field.
  public static func split(_ text: String) -> (collection: String, field: String)? {
    guard let place = text.firstIndex(of: separator) else { return nil }
    return (String(text[..<place]), String(text[text.index(after: place)...]))
  }
}
