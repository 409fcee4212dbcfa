internal import MoultModel

/// Fields whose text is cut into terms.
extension CollectionDefinition.Field {
  var isAnalyzed: Bool { isOn("enable_analyzer") }
  /// Whether filters may ask for terms in it.
  var isMatched: Bool { isOn("enable_match") }

  private func isOn(_ key: String) -> Bool { ["true", "1"].contains(parameter(key)?.lowercased()) }
}

extension CollectionDefinition {
  /// - Throws: 1100 for an analyzer where none can be, or that Moult does not have, and times where none can be.
  static func checkTexts(_ fields: [Field]) throws {
    for field in fields where field.type == .timestamp && field.defaultValue != nil {
      throw MilvusError.invalidParameter(
        "field \(field.name): a default value of type Timestamptz is not supported by this version of Moult")
    }
    for field in fields where field.elementType == .timestamp && field.type == .array {
      throw MilvusError.invalidParameter("field \(field.name): an array has no elements of type Timestamptz")
    }
    for field in fields where field.isAnalyzed || field.isMatched {
      guard field.type == .varChar else {
        throw MilvusError.invalidParameter(
          "field \(field.name) of type \(field.type.name) has no text: enable_analyzer and enable_match are of VarChar fields"
        )
      }
      guard field.isAnalyzed else {
        throw MilvusError.invalidParameter("field \(field.name): enable_match takes enable_analyzer")
      }
      guard !field.isMatched || !field.isPrimary else {
        throw MilvusError.invalidParameter(
          "field \(field.name): enable_match of the primary key is not supported by this version of Moult")
      }
      _ = try TextAnalyzer(of: field)
    }
  }
}
