/// Which points a search may return: a condition on ids and payload.
///
/// A field that is missing, or of another type than what it is compared with, does not match; `not` of that does.
public indirect enum PointFilter: Sendable, Hashable {
  case ids(Set<PointID>)
  /// Points whose ids lie between others; a bound that is `nil` does not bind.
  case idsBetween(lower: IDBound?, upper: IDBound?)
  /// Points whose ids are integers that lie between bounds after arithmetic, step by step.
  case idsBetweenAfter([Arithmetic], lower: Bound?, upper: Bound?)
  /// A member of the payload, named by the path of names to it.
  case field(FieldPath, Comparison)
  /// Two members of the payload, both numbers, both texts or both booleans, the first in relation to the second.
  case fields(FieldPath, Relation, FieldPath)
  case all([PointFilter])
  case any([PointFilter])
  case not(PointFilter)
  /// At least so many of these.
  case atLeast(Int, [PointFilter])
  /// One of the values that a path reaches fulfils a condition.
  case values(ValuePath, ValueCondition)
  /// An array that a path reaches has an object among its elements that matches, taken as a payload. Only conditions on
  /// `values` and `elements` are possible inside; points have no ids there.
  case elements(ValuePath, PointFilter)
  /// Points of one of so many parts of equal size, by a hash of their ids: SipHash-2-4 without a key, of an integer's
  /// eight bytes (little-endian) or a UUID's sixteen, otherwise of a text's UTF-8.
  case slice(UInt64, of: UInt64)
  /// A share of the points, 0 … 1, on average: each as a hash of its id and the seed says, whatever else is asked for.
  case sample(share: Double, seed: UInt64)
  /// Points that have a vector in a field of the collection.
  case hasVector(ExactText)

  public enum Relation: String, Sendable, Hashable {
    case equal = "="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  public indirect enum Comparison: Sendable, Hashable {
    case isOneOf([Scalar])
    /// Numbers between bounds; a bound that is `nil` does not bind.
    case isBetween(lower: Bound?, upper: Bound?)
    /// There is such a member, `null` included.
    case exists
    /// Texts between bounds, by their UTF-8 bytes; a bound that is `nil` does not bind.
    case isTextBetween(lower: TextBound?, upper: TextBound?)
    /// Texts that a pattern fits from end to end: `*` stands for any characters, `?` for one, `[…]` for one of these.
    case matches(glob: String)
    /// Texts with terms in them.
    case hasTerms(TermMatch)
    /// An array that has one of these among its elements.
    case containsAny([Scalar])
    /// An array that has all of these among its elements.
    case containsAll([Scalar])
    /// An array whose number of elements lies between bounds.
    case hasCount(lower: Bound?, upper: Bound?)
    /// An array whose element at a place, counted from 0, fulfils a condition.
    case element(Int, Comparison)
    /// A number that lies between bounds after arithmetic, step by step.
    case isBetweenAfter([Arithmetic], lower: Bound?, upper: Bound?)
  }

  /// One step of arithmetic with a number. Integers stay integers: their quotient is cut off towards 0.
  public struct Arithmetic: Sendable, Hashable {
    public enum Operator: String, Sendable, Hashable {
      case add = "+"
      case subtract = "-"
      case multiply = "*"
      case divide = "/"
      /// Of integers, with the sign of the dividend.
      case remainder = "%"
    }

    public var sign: Operator
    /// An int or a double.
    public var number: Scalar

    public init(_ sign: Operator, _ number: Scalar) {
      self.sign = sign
      self.number = number
    }
  }

  /// Steps of arithmetic on one member at most.
  public static let arithmeticStepsMax = 16

  public struct IDBound: Sendable, Hashable {
    public var id: PointID
    public var isInclusive: Bool

    public init(_ id: PointID, isInclusive: Bool) {
      self.id = id
      self.isInclusive = isInclusive
    }
  }

  public struct TextBound: Sendable, Hashable {
    public var text: String
    public var isInclusive: Bool

    public init(_ text: String, isInclusive: Bool) {
      self.text = text
      self.isInclusive = isInclusive
    }
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

  /// Conditions in all at most.
  public static let conditionCountMax = 1_000
  /// Conditions inside conditions at most.
  public static let depthMax = 32
  /// Ids and values in the whole filter at most.
  public static let valueCountMax = 100_000

  /// How deep conditions lie in each other, 1 for a single one.
  public var depth: Int {
    switch self {
    case .ids, .idsBetween, .idsBetweenAfter, .field, .fields, .values, .slice, .sample, .hasVector: 1
    case .all(let parts), .any(let parts), .atLeast(_, let parts): 1 + (parts.map(\.depth).max() ?? 0)
    case .not(let part), .elements(_, let part): 1 + part.depth
    }
  }

  /// Conditions in all, those that hold others included.
  public var conditionCount: Int {
    switch self {
    case .ids, .idsBetween, .idsBetweenAfter, .field, .fields, .values, .slice, .sample, .hasVector: 1
    case .all(let parts), .any(let parts), .atLeast(_, let parts): parts.reduce(1) { $0 + $1.conditionCount }
    case .not(let part), .elements(_, let part): 1 + part.conditionCount
    }
  }

  /// Vector fields that conditions are about.
  public var vectorFields: Set<ExactText> {
    switch self {
    case .hasVector(let field): [field]
    case .all(let parts), .any(let parts), .atLeast(_, let parts):
      parts.reduce(into: []) { $0.formUnion($1.vectorFields) }
    case .not(let part): part.vectorFields
    case .ids, .idsBetween, .idsBetweenAfter, .field, .fields, .values, .elements, .slice, .sample: []
    }
  }

  /// Ids and values in all.
  public var valueCount: Int {
    switch self {
    case .ids(let ids): ids.count
    case .field(_, .isOneOf(let values)), .field(_, .containsAny(let values)),
      .field(_, .containsAll(let values)),
      .field(_, .element(_, .isOneOf(let values))):
      values.count
    case .field(_, .hasTerms(let match)): match.terms.count
    case .idsBetween, .idsBetweenAfter, .field, .fields, .slice, .sample, .hasVector: 2
    case .values(_, let condition): condition.valueCount
    case .all(let parts), .any(let parts), .atLeast(_, let parts): parts.reduce(1) { $0 + $1.valueCount }
    case .not(let part), .elements(_, let part): part.valueCount
    }
  }
}

/// Where a member of a payload is: the names from the outermost object inwards. Names are equal when their bytes
/// are.
public struct FieldPath: Sendable, Hashable, ExpressibleByArrayLiteral {
  public var names: [String]
  /// What a payload without the member has in its place, as JSON. It counts for paths of one name.
  public var whenMissing: String?

  public init(_ names: [String], whenMissing: String? = nil) {
    self.names = names
    self.whenMissing = whenMissing
  }

  public init(arrayLiteral names: String...) { self.init(names) }

  public static func == (left: FieldPath, right: FieldPath) -> Bool {
    left.names.elementsEqual(right.names) { $0.utf8.elementsEqual($1.utf8) }
      && left.whenMissing.map { Array($0.utf8) } == right.whenMissing.map { Array($0.utf8) }
  }

  public func hash(into hasher: inout Hasher) {
    for name in names { hasher.combine(bytesOf: name) }
    if let whenMissing { hasher.combine(bytesOf: whenMissing) }
  }
}

// Strings are equal when their bytes are: Unicode's canonical equivalence would make one value of what payloads hold
// as two.
extension PointFilter.Scalar {
  public static func == (left: Self, right: Self) -> Bool {
    switch (left, right) {
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .string(let text): hasher.combine(bytesOf: text)
    case .int(let number): hasher.combine(number)
    case .double(let number): hasher.combine(number)
    case .bool(let bool): hasher.combine(bool)
    case .null: hasher.combine(0 as UInt8)
    }
  }
}

extension Hasher {
  fileprivate mutating func combine(bytesOf text: String) {
    var text = text
    text.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
    combine(0xFF as UInt8)
  }
}
