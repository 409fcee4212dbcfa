/// A fitted transform and what fitting found out.
public struct FittedTransform: Sendable {
  public let transform: LinearTransform
  public let report: TransformReport
}

/// An asymmetric transform, fitted, and what fitting found out.
public struct FittedAsymmetricTransform: Sendable {
  public let transform: AsymmetricTransform
  public let report: TransformReport
}
