internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// The nearest neighbours of points chosen at random, among themselves.
struct QdrantMatrix: Sendable {
  struct Request: Sendable {
    /// Points that are chosen, at least 2.
    var sample = 10
    /// Neighbours of each at most.
    var limit = 3
    var filter: QdrantFilter?
    var using: String?

    /// Points at most: each is compared with all of them.
    static let sampleMax = 10_000

    init(_ fields: QdrantFields) throws(QdrantError) {
      sample = try fields.count("sample", atLeast: 2) ?? 10
      limit = try fields.count("limit", atLeast: 1) ?? 3
      filter = try fields["filter"].map { json throws(QdrantError) in
        try QdrantFilter(json, at: fields.place("filter"))
      }
      using = try fields.string("using")
      guard sample <= Self.sampleMax else {
        throw .validation("[\(fields.place("sample")): takes at most \(Self.sampleMax), got \(sample)]")
      }
    }
  }

  /// Rising.
  var ids: [PointID]
  /// Of each point, best first.
  var neighbors: [[QdrantHit]]
}

extension QdrantOperations {
  func matrix(
    _ request: QdrantMatrix.Request, in collection: QdrantCollection
  ) async throws -> QdrantMatrix {
    let vector = try collection.vector(using: request.using)
    let filter = request.filter.adding(must: [.hasVector(vector.name)])
    let page = try await engine.sample(
      collection.name, filter: try filter?.pointFilter(in: collection), limit: request.sample,
      includeVectors: true, includePayload: vector.kind.isInPayload)
    let points = page.points.sorted { $0.id < $1.id }
    guard points.count >= 2 else { return QdrantMatrix(ids: [], neighbors: []) }
    let ids = Set(points.map(\.id))
    let run = QdrantQueryRun(operations: self, collection: collection)
    var matrix = QdrantMatrix(ids: [], neighbors: [])
    for point in points {
      guard let example = try vector.example(of: point) else { continue }
      var query = QdrantQuery()
      query.kind = .nearest(example, nil)
      query.using = request.using
      query.filter = QdrantFilter(must: [.hasID(ids)], mustNot: [.hasID([point.id])])
      query.limit = min(request.limit, ids.count)
      query.parameters.exact = true
      matrix.ids.append(point.id)
      matrix.neighbors.append(try await run.hits(query, within: nil, payload: false))
    }
    return matrix
  }
}
