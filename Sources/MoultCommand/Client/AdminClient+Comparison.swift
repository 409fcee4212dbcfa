internal import MoultModel

extension AdminClient {
  func compare(
    _ a: String, _ b: String, _ queries: ComparedQueries, k: Int, minimumOverlap: Double? = nil,
    maximumLoss: Double? = nil
  ) async throws -> Comparison {
    struct Body: Encodable {
      var a: String
      var b: String
      var k: Int
      var queries: ComparedQueries.Vectors?
      var queriesOfB: ComparedQueries.Vectors?
      var texts: [String]?
      var relevant: [[PointID]]?
      var recent: Int?
      var minimumOverlap: Double?
      var maximumLoss: Double?
    }
    return try await post(
      Self.root + "/compare",
      Body(
        a: a, b: b, k: k, queries: queries.queries, queriesOfB: queries.queriesOfB, texts: queries.texts,
        relevant: queries.relevant, recent: queries.recent, minimumOverlap: minimumOverlap,
        maximumLoss: maximumLoss), timeout: .seconds(600))
  }
}
