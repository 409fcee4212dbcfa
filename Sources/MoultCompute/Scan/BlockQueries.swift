/// Queries in the form in which `BlockCodes` are scanned: transformed, rotated and rounded once, for all
/// segments that share an encoder.
public struct BlockQueries: Sendable {
  let queries: [LevelQuery]

  public var count: Int { queries.count }

  /// - Parameters:
  ///   - queries: `count × encoder.dimension`, finite.
  /// - Returns: `nil` for codes that are not made of integer levels (floats, OSQ).
  public init?(encoder: VectorEncoder, queries: UnsafePointer<Float>, count: Int) {
    precondition(count >= 0)
    guard let quantizer = encoder.quantizer as? any LevelCoded else { return nil }
    self.queries = (0..<count).map {
      encoder.withMapped(queries + $0 * encoder.dimension) { quantizer.levelQuery($0) }
    }
  }
}
