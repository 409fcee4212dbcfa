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

  /// Whether codes are too coarse to choose edges by: scores between two codes of one bit are biased.
  static func isBuiltOnVectors(_ specification: EncodingSpecification) -> Bool {
    specification.bitsPerDimension < 2
  }
}
