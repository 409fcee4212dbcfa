internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Order by a value of the payload: numbers, and texts that say times, as microseconds since 1970. A point with several
/// values stands at each of them.
struct QdrantOrder: Sendable, Equatable {
  var key: String
  var path: QdrantPath
  var isDescending = false
  /// Values before it are passed over.
  var start: Double?

  /// A key, or `{"key", "direction", "start_from"}`.
  init(_ json: JSON, at place: String) throws(QdrantError) {
    if case .string(let key) = json {
      self.key = key
      path = try QdrantPath.read(key, at: place)
      return
    }
    let fields = try QdrantFields(json, at: place)
    key = try fields.required("key", try fields.string("key"))
    path = try QdrantPath.read(key, at: fields.place("key"))
    switch try fields.string("direction") {
    case nil, "asc": break
    case "desc": isDescending = true
    case let other?:
      throw .format(
        "\(fields.place("direction")): unknown variant `\(other.prefix(100))`, expected `asc` or `desc`")
    }
    guard let start = fields["start_from"] else { return }
    self.start = start.double ?? start.string.flatMap(Timestamp.microseconds).map(Double.init)
    if self.start == nil {
      throw .format("\(fields.place("start_from")): expected a number, or a date and time")
    }
  }
}

extension QdrantOperations {
  /// Points that have a number, or a time, under a key, each with its value.
  ///
  /// - Throws: 400 unless the key has an index that knows an order.
  func ordered(
    _ collection: QdrantCollection, by order: QdrantOrder, filter: PointFilter?, limit: Int,
    includeVectors: Bool, includePayload: Bool
  ) async throws -> [(point: Point, value: JSON)] {
    let index = collection.definition.payloadIndexes.first { $0.field == order.key }
    guard let index, ["integer", "float", "datetime"].contains(index.type) else {
      throw QdrantError.badRequest(
        "No range index for `order_by` key: `\(order.key)`. Please create one to use `order_by`. Supported schema types: "
          + "[integer, float, datetime]")
    }
    let found = try await engine.query(
      collection.name, filter: filter, orderedBy: order.path.values, descending: order.isDescending,
      from: order.start, limit: limit, includeVectors: includeVectors, includePayload: includePayload)
    return Array(zip(found.page.points, found.values.map { JSON($0) }))
  }
}
