import MoultCompute
import MoultModel

/// The space in which a generation's graphs are built and walked. Codes of one space can share graphs and guides;
/// of another space a graph may serve, which is measured, and a guide does not.
struct GraphSpace: Sendable, Equatable {
  private let transform: Transform
  private let dimensions: Int?

  init(_ specification: EncodingSpecification) {
    let isFull = Self.isBuiltOnVectors(specification)
    transform = isFull ? .none : specification.transform
    dimensions = isFull ? nil : specification.dimensions
  }

  /// Whether graphs are built on the full-precision vectors. Scores between two codes of one bit are biased (graphs
  /// built by them lose up to 1.4 points of recall); codes below a byte take longer to compare with each other than
  /// the vectors do.
  static func isBuiltOnVectors(_ specification: EncodingSpecification) -> Bool {
    let bits = specification.bitsPerDimension
    return bits < 2 || (bits < 8 && specification.transform == .none)
  }
  /// What a segment's graph is built on: its codes, or the full-precision vectors where codes are too coarse to
  /// choose edges by.
  static func source(
    of segment: SegmentView, encoder: VectorEncoder, codes: CodeView, identity: VectorEncoder
  ) -> (encoder: VectorEncoder, codes: CodeView) {
    isBuiltOnVectors(encoder.specification) ? (identity, segment.vectors) : (encoder, codes)
  }
}
