public import MoultModel

/// Which vectors a transform is for.
public enum TransformSide: String, Sendable, Codable, CaseIterable {
  /// Stored vectors and queries alike.
  case both
  /// Stored vectors only: queries go another way, or stay as they are.
  case documents
  /// Queries only: stored vectors go another way, or stay as they are.
  case queries
}

/// Where vectors live; two vectors can be compared only within one space.
public enum VectorSpace: String, Sendable, Codable, CaseIterable {
  /// The collection's vectors as its users send them.
  case collection
  /// What codes are made from: the collection's vectors after its transform.
  case code
  /// Vectors of the embedding model that is being left.
  case oldModel
  /// Vectors of the embedding model that is being moved to.
  case newModel
}

/// What a transform is for: whose vectors it maps, and from which space into which.
///
/// It is stored with the transform. A map from the old model to the new one has the same shape as one from
/// new to old, and either would quietly ruin every result where the other belongs.
public struct TransformDirection: Sendable, Codable, Equatable, CustomStringConvertible {
  public var side: TransformSide
  public var source: VectorSpace
  public var target: VectorSpace

  public init(_ side: TransformSide, from source: VectorSpace, to target: VectorSpace) {
    self.side = side
    self.source = source
    self.target = target
  }

  /// Documents and queries from the collection's space into code space: PCA, rotations.
  public static let encoding = TransformDirection(.both, from: .collection, to: .code)

  /// "queries from newModel to oldModel".
  public var description: String {
    let who = side == .both ? "documents and queries" : side.rawValue
    return "\(who) from \(source.rawValue) to \(target.rawValue)"
  }

  /// Whether a transform made for this may be used for `use`: the same spaces, and the same side or both.
  public func allows(_ use: TransformDirection) -> Bool {
    source == use.source && target == use.target && (side == .both || side == use.side)
  }
}

extension LinearTransform {
  /// Refuses a use that the transform was not made for. Asked once, where a transform is bound to its use,
  /// not for every vector.
  ///
  /// - Parameters:
  ///   - use: whose vectors are about to be mapped, from where to where.
  ///   - input: entries of these vectors.
  ///   - output: entries that the mapped vectors must have; `nil` if any number will do.
  /// - Throws: `invalidArgument` for another direction, `dimensionMismatch` for another dimension.
  public func require(
    _ use: TransformDirection, inputDimension input: Int, outputDimension output: Int? = nil
  ) throws(MoultError) {
    guard direction.allows(use) else {
      throw MoultError(
        .invalidArgument,
        "this transform maps \(direction), it was asked to map \(use); \(direction.advice(for: use))")
    }
    guard input == inputDimension else {
      throw MoultError(
        .dimensionMismatch,
        "the transform of \(direction) takes \(inputDimension) dimensions, the vectors have \(input); "
          + "give it vectors of the space it was fitted on, or fit another one")
    }
    guard output == nil || output == outputDimension else {
      throw MoultError(
        .dimensionMismatch,
        "the transform of \(direction) makes \(outputDimension) dimensions, \(output ?? 0) are needed; "
          + "fit one for this collection")
    }
  }

  /// The mapped vectors, after the checks of `require` and one for numbers that are not finite. For data of
  /// users; the engine checks once and calls `apply`.
  ///
  /// - Parameter vectors: a whole number of vectors of `inputDimension` entries.
  public func map(_ vectors: [Float], as use: TransformDirection) throws(MoultError) -> [Float] {
    guard vectors.count % inputDimension == 0 else {
      throw MoultError(
        .dimensionMismatch,
        "the transform of \(direction) takes vectors of \(inputDimension) dimensions, \(vectors.count) "
          + "numbers are not a whole number of them")
    }
    try require(use, inputDimension: inputDimension)
    if let bad = vectors.firstIndex(where: { !$0.isFinite }) {
      throw MoultError(
        .invalidVector,
        "entry \(bad % inputDimension) of vector \(bad / inputDimension) is \(vectors[bad]); "
          + "a transform takes finite numbers")
    }
    let count = vectors.count / inputDimension
    return [Float](unsafeUninitializedCapacity: count * outputDimension) { buffer, filled in
      filled = count * outputDimension
      guard let target = buffer.baseAddress, filled > 0 else { return }
      target.initialize(repeating: 0, count: filled)
      apply(vectors, count: count, into: target)
    }
  }
}

extension TransformDirection {
  /// What to do about a use that this direction does not allow.
  fileprivate func advice(for use: TransformDirection) -> String {
    if source == use.target && target == use.source {
      return "it is the other way round: fit one from \(use.source.rawValue) to \(use.target.rawValue)"
    }
    if source == use.source && target == use.target {
      return "take the transform that was fitted for \(use.side == .both ? "both" : use.side.rawValue)"
    }
    return "fit one from \(use.source.rawValue) to \(use.target.rawValue)"
  }
}
