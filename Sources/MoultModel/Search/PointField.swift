/// What points can be ordered, grouped and summed up by: one value a point, or none.
public enum PointField: Sendable, Hashable {
  case id
  /// A member of the payload that is no object or array.
  case payload(FieldPath)
}

/// One key of an order of points. Numbers ascend by value, texts by their UTF-8 bytes, `false` comes before `true`.
public struct PointOrder: Sendable, Hashable {
  public var field: PointField
  public var isDescending: Bool
  /// Whether points without a value come before the others.
  public var nullsFirst: Bool

  /// - Parameter nullsFirst: if nil, points without a value come last, and first where the order descends, as in SQL.
  public init(_ field: PointField, isDescending: Bool = false, nullsFirst: Bool? = nil) {
    self.field = field
    self.isDescending = isDescending
    self.nullsFirst = nullsFirst ?? isDescending
  }
}
