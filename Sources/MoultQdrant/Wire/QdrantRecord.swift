internal import MoultModel
internal import MoultServer

/// One point of an answer: what Qdrant calls a `Record`, and with a score a `ScoredPoint`.
struct QdrantRecord: Sendable {
  var id: PointID
  /// As Qdrant tells it; `nil` for records.
  var score: Float?
  /// As it is stored; `nil` also where it was not asked for.
  var payload: String?
  /// The point's vectors, as the engine gives them; `nil` where none were asked for.
  var vectors: Point?
  /// What the answer is ordered by.
  var orderValue: JSON?

  init(_ point: Point, score: Float? = nil) {
    id = point.id
    self.score = score
    payload = point.payload
    vectors = point
  }

  init(id: PointID, score: Float?, payload: String? = nil) {
    self.id = id
    self.score = score
    self.payload = payload
  }

  func write(
    _ collection: QdrantCollection, payload withPayload: WithPayload, vector withVector: WithVector,
    to json: inout JSONWriter
  ) throws {
    json.beginObject()
    json.key("id")
    json.pointID(id)
    if let score {
      // The engine has no versions of single points.
      json.member("version", 0)
      json.member("score", score)
    }
    try withPayload.write(payload, mayHideMembers: collection.definition.hidesMembers, to: &json)
    if let vectors, withVector.isWanted {
      json.key("vector")
      try collection.write(vectorsOf: vectors, withVector, to: &json)
    }
    if let orderValue { json.member("order_value", orderValue) }
    json.endObject()
  }
}
