/// Search for points by vectors of many rows each, of which every point may have one: late interaction (Khattab and
/// Zaharia, *ColBERT*, 2020). It reads the vectors of all points that match the filter.
///
/// The similarity of a query to a point is Σ over the query's rows of the greatest similarity to a row of the point's.
public struct MultiVectorSearch: Sendable {
  /// Of two rows; higher is nearer.
  public enum Similarity: Sendable, Hashable {
    case innerProduct
    /// −Σ (aᵢ − bᵢ)².
    case euclidean
    /// −Σ |aᵢ − bᵢ|.
    case manhattan
  }

  /// The part of points' payloads that holds them: float32, little-endian, row after row.
  public var part: Int
  public var dimension: Int
  /// Each `rows × dimension`, row-major.
  public var examples: [[Float]]
  public var combination: ExampleSearch.Combination
  public var similarity: Similarity
  /// Hits wanted, 1 … 16 384.
  public var limit: Int
  /// Only points that match are found; `nil` finds all.
  public var filter: PointFilter?
  public var includePayload: Bool

  /// Rows of one vector at most.
  public static let rowCountMax = 8_192
  /// Numbers of one vector at most: 4 MiB.
  public static let numbersMax = 1 << 20
  /// Numbers of all examples at most.
  public static let exampleNumbersMax = 1 << 22
  /// Rows of all examples at most: each is compared with every row that is stored.
  public static let exampleRowCountMax = 65_536

  /// Rows of all examples.
  public var exampleRowCount: Int { examples.reduce(0) { $0 + $1.count } / max(1, dimension) }

  public init(
    part: Int, dimension: Int, examples: [[Float]], combination: ExampleSearch.Combination,
    similarity: Similarity, limit: Int, filter: PointFilter? = nil, includePayload: Bool = false
  ) {
    self.part = part
    self.dimension = dimension
    self.examples = examples
    self.combination = combination
    self.similarity = similarity
    self.limit = limit
    self.filter = filter
    self.includePayload = includePayload
  }

  /// Whether a vector of so many numbers can be stored or asked for.
  ///
  /// - Throws: `dimensionMismatch` for no rows, or part of one; `tooLarge`.
  public static func check(count: Int, dimension: Int) throws(MoultError) {
    guard dimension > 0, count > 0, count.isMultiple(of: dimension) else {
      throw MoultError(
        .dimensionMismatch,
        "a multivector has one or more rows of \(dimension) numbers; got \(count) numbers")
    }
    guard count <= numbersMax, count / dimension <= rowCountMax else {
      throw MoultError(
        .tooLarge,
        "a multivector has at most \(rowCountMax) rows and \(numbersMax) numbers; got \(count / dimension) rows, "
          + "\(count) numbers")
    }
  }

  /// - Throws: as ``check(count:dimension:)``; `invalidVector` for numbers that are not finite; `invalidArgument` for
  ///   another number of examples than they are combined by.
  public func check() throws(MoultError) {
    for example in examples {
      try Self.check(count: example.count, dimension: dimension)
      guard example.allSatisfy(\.isFinite) else {
        throw MoultError(.invalidVector, "an example has a value that is not a finite number")
      }
    }
    guard examples.count <= ExampleSearch.exampleCountMax, combination.fits(examples.count) else {
      throw MoultError(
        .invalidArgument,
        "\(examples.count) examples, at most \(ExampleSearch.exampleCountMax), cannot be combined so: \(combination)"
      )
    }
    let numbers = examples.reduce(0) { $0 + $1.count }
    guard numbers <= Self.exampleNumbersMax else {
      throw MoultError(
        .tooLarge,
        "examples may have \(Self.exampleNumbersMax) numbers together, got \(numbers); ask with fewer")
    }
    guard exampleRowCount <= Self.exampleRowCountMax else {
      throw MoultError(
        .tooLarge,
        "examples may have \(Self.exampleRowCountMax) rows together, got \(exampleRowCount); ask with fewer")
    }
  }
}
