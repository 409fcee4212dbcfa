public import ArgumentParser
public import MoultModel

extension Quantization: ExpressibleByArgument {}
extension Transform: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
extension CollectionSchema.ElementType: ExpressibleByArgument {}
extension JobInfo.State: ExpressibleByArgument {}

/// How candidates are found, as it is named on the command line.
enum IndexChoice: String, CaseIterable, ExpressibleByArgument {
  case flat
  case hnsw

  var specification: IndexSpecification {
    switch self {
    case .flat: .flat
    case .hnsw: .defaultHNSW
    }
  }
}

/// The form that a switch or reindex gives to vectors.
struct EncodingOptions: ParsableArguments {
  @Option(help: "Code that stands for a vector: none (float32), int8 or binary.")
  var quantization: Quantization?

  @Option(help: "Keep this many dimensions.")
  var dimensions: Int?

  @Option(help: "How dimensions are reduced: prefix (Matryoshka) or pca (learned; the default).")
  var transform: Transform?

  @Option(help: "How candidates are found: flat or hnsw.")
  var index: IndexChoice?

  @Option(help: "Candidates per hit that are rescored with full precision; 1 is none.")
  var oversampling: Double?

  func validate() throws {
    if let dimensions, dimensions < 1 {
      throw ValidationError("--dimensions must be at least 1, got \(dimensions)")
    }
    if let oversampling, !(oversampling >= 1 && oversampling.isFinite) {
      throw ValidationError("--oversampling must be at least 1, got \(oversampling)")
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
    let keepsDimensions = dimensions == nil && transform == nil && quantization == nil
    return EncodingSpecification(
      quantization: quantization ?? current.quantization,
      dimensions: keepsDimensions ? current.dimensions : dimensions,
      transform: keepsDimensions ? current.transform : transform,
      index: index?.specification ?? current.index, oversampling: oversampling)
  }

  var isEmpty: Bool {
    quantization == nil && dimensions == nil && transform == nil && index == nil && oversampling == nil
  }
}
