internal import MoultModel
internal import MoultServer

/// Puts the hits of a search in the order of fields, as `order_by_fields` asks for. Which hits they are their scores have
/// said; those that are equal stay in the order of their scores.
struct HitOrder {
  private let keys: [PointOrder]

  /// - Parameter keys: at least one.
  init(_ keys: [PointOrder]) { self.keys = keys }

  var needsPayload: Bool { keys.contains { $0.field != .id } }

  func sorted(_ hits: [FoundPoints.Hit]) -> [FoundPoints.Hit] {
    let values = hits.map { hit -> [JSON] in
      // It was checked when it was stored.
      let object = (try? JSONReader.parse(hit.payload ?? "{}"))?.object
      return keys.map { key in
        switch (key.field, hit.id) {
        case (.id, .int64(let id)): .int(id)
        case (.id, .string(let id)): .string(id)
        case (.payload(let path), _):
          path.names.first.flatMap { object?[$0] } ?? path.whenMissing.flatMap { try? JSONReader.parse($0) }
            ?? .null
        }
      }
    }
    return hits.indices.sorted { left, right in
      for (place, key) in keys.enumerated() {
        let (one, other) = (values[left][place], values[right][place])
        guard one != other else { continue }
        if one == .null { return key.nullsFirst }
        if other == .null { return !key.nullsFirst }
        if Self.precedes(one, other) { return !key.isDescending }
        if Self.precedes(other, one) { return key.isDescending }
      }
      return left < right
    }.map { hits[$0] }
  }

  private static func precedes(_ left: JSON, _ right: JSON) -> Bool {
    switch (left, right) {
    case (.int(let left), .int(let right)): left < right
    case (.string(let left), .string(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.bool(let left), .bool(let right)): !left && right
    // Of keys of both kinds the integers come first.
    case (.int, .string): true
    case (.string, .int): false
    default: (left.double ?? 0) < (right.double ?? 0)
    }
  }
}
