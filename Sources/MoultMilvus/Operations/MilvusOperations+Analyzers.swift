internal import MoultEngine
internal import MoultModel

/// What analyzers make of texts, to try them out.
extension MilvusOperations {
  /// Of all texts of a request together.
  private static let analyzedBytesMax = 1 << 20

  /// The tokens of each text.
  ///
  /// - Parameters:
  ///   - parameters: JSON that describes an analyzer, where no collection is named; empty for the standard one.
  ///   - collection: whose `field` says the analyzer; empty for none.
  ///   - names: of analyzers of one field, which Moult does not have.
  /// - Throws: 1100 for an analyzer that Moult does not have; 100; 1401 unless the caller may describe the collection.
  func analyze(
    _ texts: [String], parameters: String, collection: String, field: String, names: [String]
  ) async throws -> [[TextToken]] {
    let bytes = texts.reduce(0) { $0 + $1.utf8.count }
    guard bytes <= Self.analyzedBytesMax else {
      throw MilvusError.invalidParameter(
        "run_analyzer: the texts have \(bytes) bytes, and at most \(Self.analyzedBytesMax) are taken")
    }
    let analyzer: TextAnalyzer
    if collection.isEmpty {
      analyzer = try TextAnalyzer(parameters: parameters, of: "run_analyzer")
    } else {
      try requirePrivilege(for: "DescribeCollection", MilvusNames(collection: collection))
      let definition = try describe(collection).definition
      guard let found = definition.field(field) else {
        throw MilvusError.invalidParameter(
          "run_analyzer: collection \(collection) has no field '\(field.prefix(100))'")
      }
      guard found.isAnalyzed else {
        throw MilvusError.invalidParameter("run_analyzer: field \(field) does not set enable_analyzer")
      }
      analyzer = try TextAnalyzer(of: found)
    }
    guard names.isEmpty else {
      throw MilvusError.invalidParameter(
        "run_analyzer: analyzer names are of fields with multi_analyzer_params, which this version of Moult does not have"
      )
    }
    return try await engine.whole.computing { texts.map { analyzer.tokens(in: $0) } }
  }
}
