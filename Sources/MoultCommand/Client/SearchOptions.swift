/// What a search may be told beside its queries.
struct SearchOptions: Sendable, Equatable {
  var limit = 10
  var exact = false
  var ef: Int?
  var probes: Int?
  var oversampling: Double?
  var payload = false
  /// Also of a vector field that is still being filled.
  var allowPartial = false

  /// As parameters of a binary search request, whose bytes alone do not say how long a query is.
  func query(dimension: Int) -> [(String, String)] {
    var query = [("dimension", String(dimension)), ("limit", String(limit))]
    if exact { query.append(("exact", "true")) }
    if allowPartial { query.append(("allowPartial", "true")) }
    if let ef { query.append(("ef", String(ef))) }
    if let probes { query.append(("probes", String(probes))) }
    if let oversampling { query.append(("oversampling", String(oversampling))) }
    if payload { query.append(("payload", "true")) }
    return query
  }
}
