/// A code made of integer levels, which the block scan can read.
protocol LevelCoded: Quantizer {
  /// Its `rowBytes` are the quantizer's, but for dimensions that pad its last segment.
  var layout: CodeLayout { get }

  /// Zones, from the first on, that a scan reads of every row; of the others only what these leave open.
  var headZoneCount: Int { get }

  /// The factor and the additive term of the rows `first ..< first + count`.
  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>)

  /// Whether its queries have two limbs, so that scans need the length of the levels. Only for codes of one
  /// byte a dimension.
  var needsLevelNorm: Bool { get }

  /// The query as integers; see `LevelQuery`.
  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery
}

extension LevelCoded {
  var headZoneCount: Int { layout.zones.count }
  var needsLevelNorm: Bool { false }
}
