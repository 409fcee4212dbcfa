import Dispatch
import MoultModel
import MoultTesting

@testable import MoultCompute

/// A code as the conformance suite goes through them: a quantization, `segmented` at several widths.
struct CodeCase: Sendable, CustomStringConvertible {
  var quantization: Quantization
  var bits: Double?

  var specification: EncodingSpecification { EncodingSpecification(quantization: quantization, bits: bits) }
  var description: String { quantization.rawValue + (bits.map { " \($0)" } ?? "") }

  static let all: [CodeCase] = Quantization.allCases.flatMap { quantization in
    (quantization == .segmented ? [0.5, 1, 2, 4, 8] : [nil]).map {
      CodeCase(quantization: quantization, bits: $0)
    }
  }

  /// Those that a block scan reads.
  static let levelCoded = all.filter {
    switch $0.quantization {
    case .none, .float16, .bfloat16, .osq1, .osq4, .qdrantInt8, .qdrantBinary: false
    default: true
    }
  }
}

/// Vectors with what embeddings have: a common direction, variances that fall, one zero vector, duplicates.
struct CodeFixture {
  static let count = 150
  static let dimensions = [1, 3, 31, 32, 33, 100, 384]

  let metric: Metric
  let dimension: Int
  let vectors: [Float]
  let queries: [[Float]]
  let encoder: VectorEncoder
  let coded: CodedVectors

  init(_ code: CodeCase, metric: Metric, dimension: Int) throws {
    let data = CodeFixture.data[dimension] ?? Data(dimension: dimension)
    self.metric = metric
    self.dimension = dimension
    vectors = data.vectors
    queries = data.queries
    encoder = try VectorEncoder.trained(
      code.specification, dimension: dimension, metric: metric, on: data.sample, seed: 7)
    coded = CodedVectors(encoder, vectors)
  }

  /// The numbers alone: the same for every code.
  private struct Data {
    let queries: [[Float]]
    let vectors: [Float]
    /// Some codes want 256 vectors to learn from; the rows are among them.
    let sample: [Float]

    init(dimension: Int) {
      var random = SeededGenerator(seed: UInt64(1000 + dimension))
      let common = random.gaussianFloats(count: dimension)
      func make(_ count: Int) -> [Float] {
        CodeFixture.vectors(count: count, dimension: dimension, random: &random, common: common)
      }
      queries = (0..<6).map { _ in make(1) }
      var vectors = make(CodeFixture.count)
      for j in 0..<dimension {
        vectors[j] = 0
        vectors[5 * dimension + j] = vectors[6 * dimension + j]
      }
      self.vectors = vectors
      sample = vectors + make(170)
    }
  }

  private static let data = Dictionary(uniqueKeysWithValues: dimensions.map { ($0, Data(dimension: $0)) })

  private static func vectors(
    count: Int, dimension: Int, random: inout SeededGenerator, common: [Float]
  ) -> [Float] {
    let scales = (0..<dimension).map { 1 / Float(1 + $0).squareRoot() }
    return (0..<count).flatMap { _ in
      (0..<dimension).map { scales[$0] * (0.4 * common[$0] + random.gaussian()) }
    }
  }

  /// A row as the quantizer saw it: of unit length under cosine. (The identity keeps vectors as they are.)
  func seen(_ row: Int) -> [Float] { seen(Array(vectors[row * dimension..<(row + 1) * dimension])) }

  func seen(_ vector: [Float]) -> [Float] {
    guard metric == .cosine && !encoder.specification.isIdentity else { return vector }
    var unit = vector
    VectorNorm.normalize(vector, dimension, into: &unit)
    return unit
  }

  /// What a code is centred by; zero for codes without a centre.
  var centre: [Float] {
    switch encoder.quantizer {
    case let level as LevelQuantizer: level.centre.values
    case let binary as BinaryQuantizer: binary.centre.values
    case let scalar as ScalarQuantizer: scalar.centre.values
    case let scalar as Int4Quantizer: scalar.centre.values
    default: [Float](repeating: 0, count: dimension)
    }
  }
}

extension ParallelFor {
  /// As many threads as there are processors.
  static let threads = ParallelFor { count, body in
    DispatchQueue.concurrentPerform(iterations: count) { body($0) }
  }
}

func difference(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { $0 - $1 } }
