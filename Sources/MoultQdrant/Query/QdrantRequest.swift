internal import MoultModel
internal import MoultServer

/// A query with what its answer tells of each point.
struct QdrantRequest: Sendable {
  var query: QdrantQuery
  var payload: WithPayload
  var vector: WithVector

  /// Which members say what is asked for.
  enum Form: CaseIterable {
    case query
    /// Older forms, that clients of some years ago send.
    case search, recommend, discover
  }

  init(_ fields: QdrantFields, _ form: Form) throws(QdrantError) {
    // Groups are asked for with all of their members.
    payload = try WithPayload(fields["with_payload"], default: false, at: fields.place("with_payload"))
    vector = try WithVector(
      fields["with_vector"] ?? fields["with_vectors"], at: fields.place("with_vector"))
    guard form != .query else {
      query = try QdrantQuery(fields)
      return
    }
    query = QdrantQuery()
    try query.readCommon(fields)
    let top = try fields.count("top", atLeast: 1)
    query.limit = try fields.count("limit", atLeast: 1) ?? top ?? 10
    query.offset = try fields.count("offset") ?? 0
    _ = try QdrantQuery.wanted(query.limit, query.offset)
    switch form {
    case .query: break
    case .search:
      let given = try fields.required("vector", fields["vector"])
      let place = fields.place("vector")
      if let named = given.object.map({ QdrantFields($0, at: place) }), let vector = named["vector"] {
        query.using = try named.string("name")
        query.kind = .nearest(try .init(vector, at: named.place("vector")), nil)
      } else {
        query.kind = .nearest(try .init(given, at: place), nil)
      }
    case .recommend: query.kind = try .recommendation(fields)
    case .discover:
      let pairs = try fields["context"].map { json throws(QdrantError) in
        try QdrantQuery.Pair.list(json, at: fields.place("context"))
      }
      if let target = fields["target"] {
        query.kind = .discover(try .init(target, at: fields.place("target")), pairs ?? [])
      } else {
        guard let pairs, !pairs.isEmpty else { throw .badRequest("No target or context given") }
        query.kind = .context(pairs)
      }
    }
  }
}
