package import MoultModel

extension JSON {
  /// A value of a payload.
  package init(_ scalar: PointFilter.Scalar) {
    switch scalar {
    case .string(let text): self = .string(text)
    case .int(let number): self = .int(number)
    case .double(let number): self = .double(number)
    case .bool(let bool): self = .bool(bool)
    case .null: self = .null
    }
  }
}
