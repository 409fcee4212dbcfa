internal import MoultModel
internal import MoultServer

/// Conditions on points: only `has_id` in `must`.
struct QdrantFilter: Sendable {
  private var ids: Set<PointID>?

  init(_ json: JSON, at path: String) throws(QdrantError) {
    guard let object = json.object else { throw .format("\(path): expected a filter, got \(json.kind)") }
    guard let must = object["must"] else {
      guard object.members.allSatisfy({ $0.value == .null }) else {
        throw .badRequest("\(path): only `must` with `has_id` is known")
      }
      return
    }
    for (index, condition) in (must.array ?? [must]).enumerated() {
      guard let list = condition["has_id"]?.array else {
        throw .badRequest("\(path).must[\(index)]: only `has_id` is known")
      }
      var wanted: Set<PointID> = []
      for json in list { wanted.insert(try QdrantPointID.read(json, at: "\(path).must[\(index)].has_id")) }
      ids = ids.map { $0.intersection(wanted) } ?? wanted
    }
  }

  var pointFilter: PointFilter {
    get throws { ids.map(PointFilter.ids) ?? .all([]) }
  }
}
