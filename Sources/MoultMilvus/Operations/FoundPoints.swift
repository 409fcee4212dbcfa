internal import MoultModel

/// The hits of a search, with vectors of any field.
struct FoundPoints {
  struct Hit {
    var id: PointID
    var score: Float
    var payload: String?
    /// By field; those that were asked for.
    var vectors: [String: [Float]] = [:]
    var group: PointFilter.Scalar?
  }

  var hits: [[Hit]]
  var servedBy: ServedBy

  init(hits: [[Hit]], servedBy: ServedBy) {
    self.hits = hits
    self.servedBy = servedBy
  }

  init(_ response: SearchResponse, field: String) {
    hits = response.hits.map { hits in
      hits.map { hit in
        Hit(
          id: hit.id, score: hit.score, payload: hit.payload,
          vectors: hit.vector.map { [field: $0] } ?? [:], group: hit.group)
      }
    }
    servedBy = response.servedBy
  }
}
