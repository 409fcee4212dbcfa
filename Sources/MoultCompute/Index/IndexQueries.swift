/// Queries as indexes take them: as they came, to choose lists or ways by, and prepared, to score codes with. Each
/// form is made when the first index asks for it, once for all segments. For one thread.
public final class IndexQueries {
  public let encoder: VectorEncoder
  /// `count × encoder.dimension`, row-major.
  public let vectors: UnsafePointer<Float>
  public let count: Int

  /// For codes that are scored row by row.
  public private(set) lazy var prepared = QueryBatch(encoder: encoder, queries: vectors, count: count)
  /// For codes in blocks; `nil` for codes that have none.
  public private(set) lazy var blocks = BlockQueries(encoder: encoder, queries: vectors, count: count)

  /// - Parameter vectors: `count × encoder.dimension` finite entries; they must stay while the object lives.
  public init(_ vectors: UnsafePointer<Float>, count: Int, encoder: VectorEncoder) {
    precondition(count >= 0)
    self.encoder = encoder
    self.vectors = vectors
    self.count = count
  }

  public func vector(_ query: Int) -> UnsafePointer<Float> { vectors + query * encoder.dimension }
}
