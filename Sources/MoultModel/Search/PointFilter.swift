/// Which points a search may return: a condition on ids and payload.
///
/// A field that is missing, or of another type than what it is compared with, does not match; `not` of that does.
public indirect enum PointFilter: Sendable, Hashable {
  case ids(Set<PointID>)
  /// A member of the payload, named by the path of names to it.
  case field([String], Comparison)
  case all([PointFilter])
  case any([PointFilter])
  case not(PointFilter)

  public enum Comparison: Sendable, Hashable {
    case isOneOf([Scalar])
    /// Numbers between bounds; a bound that is `nil` does not bind.
    case isBetween(lower: Bound?, upper: Bound?)
    /// There is such a member, `null` included.
    case exists
  }

  /// A value of JSON that is no object or array.
  public enum Scalar: Sendable, Hashable {
    case string(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case null
  }

  public struct Bound: Sendable, Hashable {
    public var value: Double
    public var isInclusive: Bool

    public init(_ value: Double, isInclusive: Bool) {
      self.value = value
      self.isInclusive = isInclusive
    }
  }

  /// Conditions inside conditions at most.
  public static let depthMax = 32
  /// Ids and values in the whole filter at most.
  public static let valueCountMax = 100_000

  /// How deep conditions lie in each other, 1 for a single one.
  public var depth: Int {
    switch self {
    case .ids, .field: 1
    case .all(let parts), .any(let parts): 1 + (parts.map(\.depth).max() ?? 0)
    case .not(let part): 1 + part.depth
    }
  }

  /// Ids and values in all.
  public var valueCount: Int {
    switch self {
    case .ids(let ids): ids.count
    case .field(_, .isOneOf(let values)): values.count
    case .field: 2
    case .all(let parts), .any(let parts): parts.reduce(1) { $0 + $1.valueCount }
    case .not(let part): part.valueCount
    }
  }
}
