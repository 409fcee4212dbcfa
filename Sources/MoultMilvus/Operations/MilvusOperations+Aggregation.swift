internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Groups of points: a column for each output field.
struct MilvusGroups {
  struct Column {
    /// As it was asked for.
    var name: String
    var type: MilvusType
    var values: [JSON]
  }

  var columns: [Column]
  var rowCount: Int
  var servedBy: ServedBy
}

extension MilvusOperations {
  /// What `group_by_fields` and numbers in the output fields ask for.
  func groups(_ query: MilvusQuery, in collection: DescribedCollection) async throws -> MilvusGroups {
    try requireLoaded(collection, collection.info.name)
    try checkWindow(query)
    var aggregation = PointAggregation(groups: [], measures: [])
    var columns: [(name: String, type: MilvusType, place: Int)] = []
    for name in query.groupFields {
      let field = try field(name, of: collection)
      guard field.type.integerRange != nil || field.type == .varChar else {
        throw MilvusError.invalidParameter(
          "group by field \(name) has unsupported data type \(field.type.name)")
      }
      aggregation.groups.append(Self.pointField(field))
    }
    let outputs = query.outputFields.isEmpty ? query.groupFields : query.outputFields
    for output in outputs {
      if let aggregate = MilvusAggregate(output) {
        let field = try aggregate.field.map { try self.field($0, of: collection) }
        let type = try aggregate.resultType(of: field?.type)
        columns.append((output, type, aggregation.groups.count + aggregation.measures.count))
        aggregation.measures.append(.init(aggregate.function, of: field.map(Self.pointField)))
      } else {
        guard let place = query.groupFields.firstIndex(of: output) else {
          throw MilvusError.invalidParameter(
            "output field \(output) should be one of the group by fields or an aggregation when a query groups or aggregates"
          )
        }
        columns.append((output, try field(output, of: collection).type, place))
      }
    }
    for spec in query.order {
      let name = Self.fieldName(spec)
      guard query.groupFields.contains(name) else {
        throw MilvusError.invalidParameter(
          "ORDER BY field '\(name)' is not valid: when using GROUP BY or aggregates, ORDER BY can only reference GROUP BY columns. Valid targets are: [\(query.groupFields.joined(separator: " "))]"
        )
      }
      aggregation.order.append(try order(spec, of: collection))
    }
    let found = try await engine.aggregate(
      collection.info.name, aggregation,
      filter: try condition(query.filter, query.templates, collection, query.partitions),
      limit: query.limit ?? Self.rowsMax, offset: query.offset)
    guard query.limit != nil || found.groups.count < Self.rowsMax else {
      throw MilvusError.invalidParameter(
        "query results exceed \(Self.rowsMax - 1) groups; give a limit and an offset")
    }
    return MilvusGroups(
      columns: columns.map { column in
        .init(
          name: column.name, type: column.type, values: found.groups.map { JSON($0[column.place]) })
      }, rowCount: found.groups.count, servedBy: found.servedBy)
  }

  /// What `order_by_fields` asks for.
  func order(_ query: MilvusQuery, of collection: DescribedCollection) throws -> [PointOrder] {
    guard !query.order.isEmpty else { return [] }
    guard query.limit != nil else {
      throw MilvusError.invalidParameter("ORDER BY requires an explicit limit, to bound what is sorted")
    }
    guard !query.isIterator else {
      throw MilvusError.invalidParameter(
        "ORDER BY is not supported with a query iterator, whose pages are by key")
    }
    return try query.order.map { try order($0, of: collection) }
  }

  /// What `order_by_fields` of a search asks for; `nil` for nothing.
  func order(_ search: MilvusSearch, of collection: DescribedCollection) throws -> HitOrder? {
    guard !search.order.isEmpty else { return nil }
    guard search.iteration == nil, search.groupingField.isEmpty else {
      throw MilvusError.invalidParameter(
        "order_by_fields of a search goes with neither grouping nor an iterator in this version of Moult")
    }
    return HitOrder(
      try search.order.map { spec in
        var key = try order(spec, of: collection)
        // Unlike those of queries, nulls come before all values.
        if spec.count(where: { $0 == ":" }) < 2 { key.nullsFirst = !key.isDescending }
        return key
      })
  }

  private static func fieldName(_ spec: String) -> String {
    spec.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces)
  }

  private func order(_ spec: String, of collection: DescribedCollection) throws -> PointOrder {
    let parts = spec.split(separator: ":", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let name = parts[0]
    let field = try field(name, of: collection)
    switch field.type {
    case .bool, .int8, .int16, .int32, .int64, .float, .double, .varChar, .timestamp: break
    default:
      throw MilvusError.invalidParameter(
        "ORDER BY field '\(name)' has unsupported data type \(field.type.name)")
    }
    var isDescending = false
    switch parts.count > 1 ? parts[1].lowercased() : "" {
    case "", "asc", "ascending": break
    case "desc", "descending": isDescending = true
    default:
      throw MilvusError.invalidParameter(
        "invalid order direction '\(parts[1])' for field '\(name)', must be 'asc' or 'desc'")
    }
    var nullsFirst: Bool?
    switch parts.count > 2 ? parts[2].lowercased() : "" {
    case "": break
    case "nulls_first": nullsFirst = true
    case "nulls_last": nullsFirst = false
    default:
      throw MilvusError.invalidParameter(
        "invalid nulls option '\(parts[2])' for field '\(name)', must be 'nulls_first' or 'nulls_last'")
    }
    return PointOrder(Self.pointField(field), isDescending: isDescending, nullsFirst: nullsFirst)
  }

  private func field(
    _ name: String, of collection: DescribedCollection
  ) throws(MilvusError) -> CollectionDefinition.Field {
    guard let field = collection.definition.field(name) else {
      throw MilvusError.invalidParameter("field \(name) not exist")
    }
    return field
  }

  private static func pointField(_ field: CollectionDefinition.Field) -> PointField {
    field.isPrimary ? .id : .payload(field.path)
  }
}
