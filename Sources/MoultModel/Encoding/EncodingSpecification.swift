/// How a generation holds its vectors: transform and dimensions, code, index, rescoring.
///
/// This is what a user asks for; what was learned from data (ranges, matrices, seeds) is the encoder's.
public struct EncodingSpecification: Sendable, Codable, Equatable {
  public var quantization: Quantization
  /// Average bits a dimension of `segmented` codes, 0.25 … 8; `nil` means 4. Only for those.
  public var bits: Double?
  /// Part of the values that `int8` codes cover, 0.5 … 1, the rest is clamped at the ends; `nil` covers the
  /// whole range. Only for those.
  public var quantile: Double?
  /// Dimensions that are kept, 1 … the collection's dimension; `nil` keeps all.
  public var dimensions: Int?
  public var transform: Transform
  public var index: IndexSpecification
  /// Candidates per wanted hit that are taken from the codes and rescored with the full-precision
  /// vectors. 1 means no rescoring; `nil` means the quantization's default.
  public var oversampling: Double?
  /// Recall that searches shall reach, 0.5 ..< 1, instead of an oversampling: a switch turns it into a
  /// `RescoringPolicy` by calibration on sample queries.
  public var targetRecall: Double?

  public init(
    quantization: Quantization = .none, bits: Double? = nil, quantile: Double? = nil, dimensions: Int? = nil,
    transform: Transform? = nil, index: IndexSpecification = .flat, oversampling: Double? = nil,
    targetRecall: Double? = nil
  ) {
    self.quantization = quantization
    self.bits = bits
    self.quantile = quantile
    self.dimensions = dimensions
    self.transform = transform ?? (dimensions == nil ? .none : .pca)
    self.index = index
    self.oversampling = oversampling
    self.targetRecall = targetRecall
  }

  /// What a target may be. 1 cannot be shown by any sample; `exact` searches have it.
  public static let targetRecallRange = 0.5..<1.0

  /// Whether codes are the stored full-precision vectors themselves, so that no code file is needed.
  public var isIdentity: Bool { quantization == .none && transform == .none }

  /// The oversampling in effect, where no policy was calibrated.
  public var effectiveOversampling: Double {
    if let oversampling { return oversampling }
    let own: Double =
      switch bitsPerDimension {
      case 16...: 1
      case 8...: 2
      case 4...: 3
      case 2...: 5
      default: 10
      }
    return transform == .none ? own : max(4, own)
  }

  /// Bits of the code a dimension, correction factors aside.
  public var bitsPerDimension: Double {
    switch quantization {
    case .none: 32
    case .float16, .bfloat16: 16
    case .int8, .qdrantInt8: 8
    case .int4, .lloyd4, .rabitq4, .osq4: 4
    case .lloyd5: 5
    case .lloyd3, .rabitq3: 3
    case .lloyd2, .rabitq2: 2
    case .binary, .lloyd1, .rabitq1, .osq1, .qdrantBinary: 1
    case .segmented: bits ?? EncodingSpecification.defaultBits
    }
  }

  public static let defaultBits = 4.0
}

/// The code that stands for a vector.
public enum Quantization: String, Sendable, Codable, CaseIterable {
  /// float32, 4 bytes a dimension.
  case none
  /// IEEE binary16, 2 bytes a dimension; values beyond ±65,504 are clamped.
  case float16
  /// float32 cut to 16 bits, 2 bytes a dimension.
  case bfloat16
  /// 8-bit scalar codes over the collection's range, 1 byte a dimension.
  case int8
  /// 4-bit scalar codes over the range of least error, half a byte a dimension.
  case int4
  /// 1 bit a dimension after a seeded rotation, with unbiased correction terms.
  case binary
  /// Lloyd–Max levels of 1 to 5 bits a dimension after a seeded rotation, with an unbiased factor.
  case lloyd1, lloyd2, lloyd3, lloyd4, lloyd5
  /// Learned directions, each with as many bits as its variance deserves; `bits` a dimension on average.
  case segmented
  /// Qdrant's scalar quantization: 7 bits in a byte over the collection's range. For comparison.
  case qdrantInt8 = "qdrant-int8"
  /// Qdrant's binary quantization: signs as they are, Hamming distance. For comparison.
  case qdrantBinary = "qdrant-binary"
  /// Extended RaBitQ, 1 to 4 bits a dimension. For comparison.
  case rabitq1, rabitq2, rabitq3, rabitq4
  /// Lucene's optimized scalar quantization, 1 and 4 bits. For comparison.
  case osq1, osq4
}

/// A linear map applied before quantization.
public enum Transform: String, Sendable, Codable, CaseIterable {
  case none
  /// Matryoshka truncation: the first dimensions, renormalized under cosine.
  case prefix
  /// Learned projection onto the leading principal components, renormalized under cosine.
  case pca
}
