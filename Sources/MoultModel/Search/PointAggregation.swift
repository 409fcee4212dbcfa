/// Points in groups of equal values, and numbers about each group.
public struct PointAggregation: Sendable, Hashable {
  public enum Function: String, Sendable, Hashable, CaseIterable {
    /// Points that have a value; all points where there is no field.
    case count
    /// Of integers an integer, otherwise a double; null of none.
    case sum
    case min
    case max
    /// A double; null of none.
    case average = "avg"
  }

  public struct Measure: Sendable, Hashable {
    public var function: Function
    /// `nil` counts points.
    public var field: PointField?

    public init(_ function: Function, of field: PointField? = nil) {
      self.function = function
      self.field = field
    }
  }

  /// Without any there is one group of all points, also when there are none.
  public var groups: [PointField]
  public var measures: [Measure]
  /// Of the groups, by their values; after these groups ascend by their values from the first to the last.
  public var order: [PointOrder]

  public init(groups: [PointField], measures: [Measure], order: [PointOrder] = []) {
    self.groups = groups
    self.measures = measures
    self.order = order
  }

  /// Fields and measures in all at most.
  public static let columnCountMax = 64
}
