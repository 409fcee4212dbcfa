internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  private static let defaultK = 10
  /// Of the latest searches, where no queries are given.
  private static let defaultRecent = 500

  func addComparisonRoutes(to group: GuardedRoutes) {
    group.on(.post, "compare", .read) { request, _ in
      let comparison = try await comparisonRequest(of: request)
      // What it leaves in the history allows others to drop something.
      if comparison.isVerdict { try RequestGuard.require(.write, of: request, checksUsers: false) }
      return try Self.answer(try await engine.compare(comparison))
    }
  }

  private func comparisonRequest(of request: Request) async throws -> ComparisonRequest {
    let fields = try await fields(of: request, floatKeys: ["queries", "queriesOfB"]).fields
    try fields.refuseOthers(than: [
      "a", "b", "k", "queries", "queriesOfB", "texts", "recent", "relevant", "minimumOverlap", "maximumLoss",
    ])
    let given = ["queries", "texts", "recent"].filter { fields[$0] != nil }
    guard given.count <= 1 else {
      throw fields.failure(given[1], "stands beside '\(given[0])'; give one of queries, texts and recent")
    }
    guard fields["queriesOfB"] == nil || fields["queries"] != nil else {
      throw fields.failure("queriesOfB", "needs 'queries', the same queries by the model of A")
    }
    let queries: ComparisonRequest.Queries
    if let ofA = try fields.vectors("queries") {
      queries = .vectors(a: ofA.values, b: try fields.vectors("queriesOfB")?.values ?? ofA.values)
    } else if let texts = try fields.strings("texts") {
      queries = .texts(texts)
    } else {
      queries = .recent(try fields.int("recent") ?? Self.defaultRecent)
    }
    return ComparisonRequest(
      a: try fields.requiredString("a"), b: try fields.requiredString("b"), queries: queries,
      k: try fields.int("k") ?? Self.defaultK, relevant: try Self.relevant(fields),
      minimumOverlap: try fields.double("minimumOverlap"), maximumLoss: try fields.double("maximumLoss"))
  }

  private static func relevant(_ fields: RequestFields) throws(MoultError) -> [[PointID]]? {
    guard let lists = try fields.array("relevant") else { return nil }
    var relevant: [[PointID]] = []
    for (query, list) in lists.enumerated() {
      guard let values = list.array else {
        throw fields.mismatch("relevant[\(query)]", expected: "an array of points' ids", list)
      }
      var ids: [PointID] = []
      for (place, value) in values.enumerated() {
        ids.append(try pointID(value, "relevant[\(query)][\(place)]", fields))
      }
      relevant.append(ids)
    }
    return relevant
  }
}
