public import ArgumentParser
public import MoultModel

extension Quantization: ExpressibleByArgument {}
extension Transform: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
extension CollectionSchema.ElementType: ExpressibleByArgument {}
extension JobInfo.State: ExpressibleByArgument {}
extension RestoreRequest.Present: ExpressibleByArgument {}

/// How candidates are found, as it is named on the command line.
enum IndexChoice: String, CaseIterable, ExpressibleByArgument {
  case flat
  case hnsw
  case ivf
  case auto

  func specification(lists: Int?) -> IndexSpecification {
    switch self {
    case .flat: .flat
    case .hnsw: .defaultHNSW
    case .ivf: .ivf(lists: lists)
    case .auto: .automatic
    }
  }
}

/// The form that a switch or reindex gives to vectors.
struct EncodingOptions: ParsableArguments {
  @Option(
    help: """
      Code that stands for a vector: segmented (0 to 8 bits a dimension, where they count), int8, int4, \
      binary, lloyd1 to lloyd5, float16, bfloat16 or none (float32); for comparison rabitq1 to rabitq4, osq1, osq4, \
      qdrant-int8 and qdrant-binary.
      """)
  var quantization: Quantization?

  @Option(help: "Average bits a dimension of segmented codes, 0.25 to 8 (default 4).")
  var bits: Double?

  @Option(help: "Part of the values that int8 codes cover, 0.5 to 1 (default 1, the whole range).")
  var quantile: Double?

  @Option(help: "Keep this many dimensions.")
  var dimensions: Int?

  @Option(help: "How dimensions are reduced: prefix (Matryoshka) or pca (learned; the default).")
  var transform: Transform?

  @Option(
    help: """
      How candidates are found: flat (every code), hnsw (graph), ivf (inverted file) or auto (by the size of each \
      segment).
      """)
  var index: IndexChoice?

  @Option(help: "Lists of a segment with --index ivf; without, 4·√rows.")
  var lists: Int?

  @Option(help: "Candidates per hit that are rescored with full precision; 1 is none.")
  var oversampling: Double?

  @Option(
    name: .customLong("target-recall"),
    help: """
      Recall that searches shall reach, 0.5 to below 1, instead of an oversampling: sample queries tell how many \
      candidates that takes.
      """)
  var targetRecall: Double?

  func validate() throws {
    if let bits, !(bits >= 0.25 && bits <= 8) {
      throw ValidationError("--bits must be 0.25 to 8 a dimension, got \(bits)")
    }
    if let quantile, !(quantile >= 0.5 && quantile <= 1) {
      throw ValidationError("--quantile must be 0.5 to 1, got \(quantile)")
    }
    if let dimensions, dimensions < 1 {
      throw ValidationError("--dimensions must be at least 1, got \(dimensions)")
    }
    if let lists {
      guard index == .ivf else { throw ValidationError("--lists needs --index ivf") }
      guard IndexSpecification.listsRange.contains(lists) else {
        throw ValidationError(
          "--lists must be 1 to \(IndexSpecification.listsRange.upperBound), got \(lists)")
      }
    }
    if let oversampling, !(oversampling >= 1 && oversampling.isFinite) {
      throw ValidationError("--oversampling must be at least 1, got \(oversampling)")
    }
    if let targetRecall {
      guard EncodingSpecification.targetRecallRange.contains(targetRecall) else {
        throw ValidationError("--target-recall must be at least 0.5 and below 1, got \(targetRecall)")
      }
      guard oversampling == nil else {
        throw ValidationError("--target-recall finds its own oversampling; give one of the two")
      }
    }
    if let transform, transform != .none, dimensions == nil {
      throw ValidationError("--transform \(transform.rawValue) needs --dimensions")
    }
    if transform == Transform.none, dimensions != nil {
      throw ValidationError("--dimensions needs --transform prefix or pca")
    }
  }

  var specification: EncodingSpecification { specification(keeping: EncodingSpecification()) }

  /// What is not named stays as it is, with one exception: a new quantization without dimensions takes all of
  /// them, so that `--quantization none` is the way back to full precision.
  func specification(keeping current: EncodingSpecification) -> EncodingSpecification {
    let keepsCode = quantization == nil || quantization == current.quantization
    let keepsDimensions = dimensions == nil && transform == nil && quantization == nil
    return EncodingSpecification(
      quantization: quantization ?? current.quantization,
      bits: bits ?? (keepsCode ? current.bits : nil),
      quantile: quantile ?? (keepsCode ? current.quantile : nil),
      dimensions: keepsDimensions ? current.dimensions : dimensions,
      transform: keepsDimensions ? current.transform : transform,
      index: index?.specification(lists: lists) ?? current.index, oversampling: oversampling,
      targetRecall: targetRecall)
  }

  var isEmpty: Bool {
    quantization == nil && bits == nil && quantile == nil && dimensions == nil && transform == nil
      && index == nil && oversampling == nil
      && targetRecall == nil
  }
}
