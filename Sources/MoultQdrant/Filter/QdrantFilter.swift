internal import MoultModel

/// Conditions on points, in Qdrant's words.
struct QdrantFilter: Sendable, Equatable {
  indirect enum Condition: Sendable, Equatable {
    /// One value of a member fulfils one of these.
    case field(QdrantPath, [FieldTest])
    case hasID(Set<PointID>)
    case hasVector(String)
    /// One element of an array matches.
    case nested(QdrantPath, QdrantFilter)
    case slice(index: UInt64, total: UInt64)
    case filter(QdrantFilter)
  }

  enum FieldTest: Sendable, Equatable {
    case values(ValueCondition)
    case isEmpty(Bool)
    case isNull(Bool)
  }

  struct MinShould: Sendable, Equatable {
    var conditions: [Condition]
    var count: Int
  }

  var must: [Condition] = []
  /// One at least, where there are any.
  var should: [Condition] = []
  var mustNot: [Condition] = []
  var minShould: MinShould?

  init(
    must: [Condition] = [], should: [Condition] = [], mustNot: [Condition] = [], minShould: MinShould? = nil
  ) {
    self.must = must
    self.should = should
    self.mustNot = mustNot
    self.minShould = minShould
  }

  /// Both, clause by clause, as Qdrant joins the filters of a query and its prefetches: alternatives of one become
  /// alternatives of the other.
  func merged(with other: QdrantFilter) -> QdrantFilter {
    let minShould: MinShould? =
      if let own = self.minShould, let others = other.minShould {
        MinShould(conditions: own.conditions + others.conditions, count: max(own.count, others.count))
      } else {
        self.minShould ?? other.minShould
      }
    return QdrantFilter(
      must: must + other.must, should: should + other.should, mustNot: mustNot + other.mustNot,
      minShould: minShould)
  }
}

extension QdrantFilter? {
  func merged(with other: QdrantFilter?) -> QdrantFilter? {
    guard let self else { return other }
    return other.map(self.merged) ?? self
  }

  func adding(must conditions: [QdrantFilter.Condition] = [], mustNot: [QdrantFilter.Condition] = [])
    -> QdrantFilter?
  {
    conditions.isEmpty && mustNot.isEmpty
      ? self : merged(with: QdrantFilter(must: conditions, mustNot: mustNot))
  }
}

extension QdrantFilter {
  /// Without conditions on vectors, which only a collection can tell.
  var pointFilter: PointFilter {
    get throws { try pointFilter(in: nil) }
  }

  /// The engine's form.
  ///
  /// - Parameter isOfElements: whether it is about elements of an array, which have neither ids nor vectors.
  /// - Throws: 400 for a condition that the engine cannot look at.
  func pointFilter(
    in collection: QdrantCollection?, isOfElements: Bool = false
  ) throws(QdrantError) -> PointFilter {
    func translated(_ conditions: [Condition]) throws(QdrantError) -> [PointFilter] {
      var filters: [PointFilter] = []
      for condition in conditions {
        filters.append(try condition.pointFilter(in: collection, isOfElements: isOfElements))
      }
      return filters
    }
    var parts = try translated(must)
    if !should.isEmpty { parts.append(.any(try translated(should))) }
    parts += try translated(mustNot).map { .not($0) }
    if let minShould { parts.append(.atLeast(minShould.count, try translated(minShould.conditions))) }
    return parts.count == 1 ? parts[0] : .all(parts)
  }
}

extension QdrantFilter.Condition {
  fileprivate func pointFilter(
    in collection: QdrantCollection?, isOfElements: Bool
  ) throws(QdrantError) -> PointFilter {
    switch self {
    case .field(let path, let tests):
      let values = path.values
      let parts = tests.map { test -> PointFilter in
        switch test {
        case .values(let condition): .values(values, condition)
        case .isEmpty(true): .values(values, .isEmpty)
        case .isEmpty(false): .not(.values(values, .isEmpty))
        case .isNull(true): .values(values, .isNull)
        case .isNull(false): .not(.values(values, .isNull))
        }
      }
      return parts.count == 1 ? parts[0] : .any(parts)
    case .hasID(let ids): return .ids(ids)
    case .hasVector where isOfElements: return .any([])
    case .hasVector(let name):
      guard let collection else {
        throw .badRequest("has_vector cannot be asked for here; name ids or payload conditions")
      }
      guard let vector = collection.vectors.first(where: { $0.name == name }) else { return .any([]) }
      switch vector.kind {
      case .sparse, .multi: return .field(FieldPath([vector.target]), .exists)
      case .dense: return .hasVector(ExactText(vector.field ?? collection.info.schema.vectorField))
      }
    case .nested(let path, let filter):
      // `data` and `data[]` mean the same here.
      var path = path
      if path.steps.count > 1, path.steps.last == .each { path.steps.removeLast() }
      return .elements(path.values, try filter.pointFilter(in: collection, isOfElements: true))
    case .slice(let index, let total): return .slice(index, of: total)
    case .filter(let filter): return try filter.pointFilter(in: collection, isOfElements: isOfElements)
    }
  }
}

extension QdrantPath {
  var values: ValuePath {
    ValuePath(
      steps.map { step in
        switch step {
        case .key(let name): .name(ExactText(name))
        case .index(let index): .index(UInt64(index))
        case .each: .each
        }
      })
  }
}
