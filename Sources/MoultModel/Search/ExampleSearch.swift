/// Search for points by their similarities to several vectors at once. It looks at every full-precision vector.
public struct ExampleSearch: Sendable {
  /// Makes one score of a point's similarities s₀, s₁, … to the examples; higher is better.
  ///
  /// With σ(x) = x / (1 + |x|) and ς(x) = (σ(x) + 1) / 2.
  public enum Combination: Sendable, Hashable {
    /// Σ wᵢ·sᵢ, with a weight for each example.
    case weighted([Float])
    /// p the greatest similarity to the first examples, n that to the others: ς(p) where p > n, otherwise −ς(n).
    case best(positives: Int)
    /// The first example is a target, then come pairs (p, n): ς(s₀) + Σ sign(p − n).
    case discovery
    /// Pairs (p, n): Σ σ(min(p − n − ε, 0)) with the float's ε.
    case context

    /// Whether it can be of so many examples.
    public func fits(_ count: Int) -> Bool {
      switch self {
      case .weighted(let weights): count > 0 && weights.count == count
      case .best(let positives): count > 0 && (0...count).contains(positives)
      case .discovery: count % 2 == 1
      case .context: count > 0 && count % 2 == 0
      }
    }
  }

  public enum Similarity: Sendable, Hashable {
    /// The collection's: cosine or inner product, or the squared Euclidean distance turned negative.
    case metric
    /// −Σ |aᵢ − bᵢ|, whatever the collection's metric is.
    case manhattan
  }

  /// `exampleCount × dimension`, row-major.
  public var examples: [Float]
  public var dimension: Int
  public var combination: Combination
  public var similarity: Similarity
  /// Hits wanted, 1 … 16 384.
  public var limit: Int
  /// Only points that match are found; `nil` finds all.
  public var filter: PointFilter?
  public var includePayload: Bool

  /// Examples at most.
  public static let exampleCountMax = 4_096

  public init(
    examples: [Float], dimension: Int, combination: Combination, similarity: Similarity = .metric, limit: Int,
    filter: PointFilter? = nil, includePayload: Bool = false
  ) {
    self.examples = examples
    self.dimension = dimension
    self.combination = combination
    self.similarity = similarity
    self.limit = limit
    self.filter = filter
    self.includePayload = includePayload
  }

  /// - Throws: `dimensionMismatch`; `invalidArgument` for too many examples, or another number than they are combined
  ///   by, or values that are not finite.
  public func check(dimension expected: Int) throws(MoultError) {
    guard dimension == expected, dimension > 0, examples.count % dimension == 0 else {
      throw MoultError(
        .dimensionMismatch,
        "examples are \(expected)-dimensional here; got \(examples.count) numbers as \(dimension)-dimensional ones"
      )
    }
    let count = examples.count / dimension
    guard count <= Self.exampleCountMax, combination.fits(count) else {
      throw MoultError(
        .invalidArgument,
        "\(count) examples, at most \(Self.exampleCountMax), cannot be combined so: \(combination)")
    }
    guard examples.allSatisfy(\.isFinite) else {
      throw MoultError(.invalidVector, "an example has a value that is not a finite number")
    }
    if case .weighted(let weights) = combination, !weights.allSatisfy(\.isFinite) {
      throw MoultError(.invalidArgument, "weights of examples must be finite numbers")
    }
  }
}
