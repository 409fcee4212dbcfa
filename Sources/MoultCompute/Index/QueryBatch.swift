/// Queries prepared for an encoder, in memory that is used again for the next ones: preparing as many queries
/// of the same encoder as before allocates nothing.
///
/// One thread prepares; then any number may search with it, until it is prepared anew.
public final class QueryBatch: @unchecked Sendable {
  public private(set) var count = 0
  public private(set) var encoder: VectorEncoder
  /// At least `count`, as many as were ever needed.
  private var prepared: [PreparedQuery] = []
  private var vectors: UnsafeMutablePointer<Float>
  private var capacity = 0

  /// An empty batch.
  public init(encoder: VectorEncoder) {
    self.encoder = encoder
    vectors = .allocate(capacity: 1)
  }

  /// A batch of `count × encoder.dimension` finite floats, row-major.
  public convenience init(encoder: VectorEncoder, queries: UnsafePointer<Float>, count: Int) {
    self.init(encoder: encoder)
    prepare(queries, count: count)
  }

  deinit {
    vectors.deallocate()
  }

  /// Replaces what the batch holds.
  ///
  /// - Parameter queries: `count × encoder.dimension`, finite, row-major; copied.
  public func prepare(_ queries: UnsafePointer<Float>, count: Int) {
    precondition(count >= 0)
    let floats = count * encoder.dimension
    if floats > capacity {
      vectors.deallocate()
      vectors = .allocate(capacity: floats)
      capacity = floats
    }
    vectors.update(from: queries, count: floats)
    while prepared.count < count { prepared.append(PreparedQuery()) }
    for index in 0..<count { encoder.prepare(vector(index), into: prepared[index]) }
    self.count = count
  }

  public subscript(query: Int) -> PreparedQuery { prepared[query] }

  /// A query as it came.
  func vector(_ query: Int) -> UnsafePointer<Float> {
    UnsafePointer(vectors + query * encoder.dimension)
  }
}
