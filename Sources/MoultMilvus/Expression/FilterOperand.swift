internal import MoultModel

/// What stands on a side of a comparison.
enum FilterOperand {
  case key
  case member(FilterMember)
  case value(PointFilter.Scalar)
  /// The number of elements of an array.
  case count(FilterMember)
  /// A member after arithmetic with numbers; `nil` for the key.
  case computed(FilterMember?, [PointFilter.Arithmetic])

  /// What arithmetic is done with, and what was done with it already; `nil` for what is no number of a point's.
  var base: (member: FilterMember?, steps: [PointFilter.Arithmetic])? {
    switch self {
    case .key: (nil, [])
    case .member(let member): (member, [])
    case .computed(let member, let steps): (member, steps)
    case .value, .count: nil
    }
  }
}

/// A member of the payload, or an element of one that is an array.
struct FilterMember {
  var names: FieldPath
  var element: Int?

  func condition(_ comparison: PointFilter.Comparison) -> PointFilter {
    .field(names, element.map { .element($0, comparison) } ?? comparison)
  }

  /// It is there and not null: only then is a comparison with it true or false.
  var isSet: PointFilter {
    .all([condition(.exists), .not(condition(.isOneOf([.null])))])
  }

  /// A condition, or its negation where the member is set.
  func known(_ comparison: PointFilter.Comparison, negated: Bool) -> PointFilter {
    negated ? .all([isSet, .not(condition(comparison))]) : condition(comparison)
  }
}
