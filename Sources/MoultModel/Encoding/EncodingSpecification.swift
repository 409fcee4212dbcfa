/// How a generation holds its vectors: transform and dimensions, code, index, rescoring.
///
/// This is what a user asks for; what was learned from data (ranges, matrices, seeds) is the encoder's.
public struct EncodingSpecification: Sendable, Codable, Equatable {
  public var quantization: Quantization
  /// Dimensions that are kept, 1 … the collection's dimension; `nil` keeps all.
  public var dimensions: Int?
  public var transform: Transform
  public var index: IndexSpecification
  /// Candidates per wanted hit that are taken from the codes and rescored with the full-precision
  /// vectors. 1 means no rescoring; `nil` means the quantization's default.
  public var oversampling: Double?

  public init(
    quantization: Quantization = .none, dimensions: Int? = nil, transform: Transform? = nil,
    index: IndexSpecification = .flat, oversampling: Double? = nil
  ) {
    self.quantization = quantization
    self.dimensions = dimensions
    self.transform = transform ?? (dimensions == nil ? .none : .pca)
    self.index = index
    self.oversampling = oversampling
  }

  /// Whether codes are the stored full-precision vectors themselves, so that no code file is needed.
  public var isIdentity: Bool { quantization == .none && transform == .none }

  /// The oversampling in effect.
  public var effectiveOversampling: Double {
    if let oversampling { return oversampling }
    return switch quantization {
    case .none: transform == .none ? 1 : 4
    case .int8: transform == .none ? 2 : 4
    case .binary: 10
    }
  }
}

/// The code that stands for a vector.
public enum Quantization: String, Sendable, Codable, CaseIterable {
  /// float32, 4 bytes a dimension.
  case none
  /// 8-bit scalar codes over the collection's range, 1 byte a dimension.
  case int8
  /// 1 bit a dimension after a seeded rotation, with unbiased correction terms.
  case binary
}

/// A linear map applied before quantization.
public enum Transform: String, Sendable, Codable, CaseIterable {
  case none
  /// Matryoshka truncation: the first dimensions, renormalized under cosine.
  case prefix
  /// Learned projection onto the leading principal components, renormalized under cosine.
  case pca
}

/// How candidates are found.
public enum IndexSpecification: Sendable, Codable, Equatable {
  /// Every code is scored.
  case flat
  /// Hierarchical navigable small world graph. `m` neighbours a node on upper levels (2·m on level 0),
  /// `efConstruction` candidates while building.
  case hnsw(m: Int, efConstruction: Int)

  public static let defaultHNSW = IndexSpecification.hnsw(m: 16, efConstruction: 128)

  public var name: String {
    switch self {
    case .flat: "flat"
    case .hnsw: "hnsw"
    }
  }
}
