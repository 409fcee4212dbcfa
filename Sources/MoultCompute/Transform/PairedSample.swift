internal import MoultModel

/// Pairs of vectors, input and wanted output, in a seeded random order and dealt out into folds of equal size
/// (to one), for fitting on some and judging on the others.
struct PairedSample {
  let count: Int
  let inputDimension: Int
  let outputDimension: Int
  let foldCount: Int
  /// `count × inputDimension`, shuffled like `output`; of unit length where `normalizing` was asked for.
  let input: [Float]
  /// `count × outputDimension`.
  let output: [Float]

  /// - Throws: `invalidVector` for a number that is not finite, with its place.
  init(
    input: UnsafePointer<Float>, inputDimension: Int, output: UnsafePointer<Float>, outputDimension: Int,
    count: Int, normalizing: Bool, foldCount: Int, seed: UInt64
  ) throws(MoultError) {
    precondition(count >= foldCount && foldCount > 0)
    try PairedSample.requireFinite(input, count: count, dimension: inputDimension)
    try PairedSample.requireFinite(output, count: count, dimension: outputDimension)
    var random = SplitMix64(seed: seed)
    let order = Array(0..<count).shuffled(using: &random)
    self.input = PairedSample.copy(input, inputDimension, order: order, normalizing: normalizing)
    self.output = PairedSample.copy(output, outputDimension, order: order, normalizing: normalizing)
    self.count = count
    self.inputDimension = inputDimension
    self.outputDimension = outputDimension
    self.foldCount = foldCount
  }

  func rows(ofFold fold: Int) -> Range<Int> {
    fold * count / foldCount..<(fold + 1) * count / foldCount
  }

  static func requireFinite(
    _ vectors: UnsafePointer<Float>, count: Int, dimension: Int
  ) throws(MoultError) {
    for i in 0..<count * dimension where !vectors[i].isFinite {
      throw MoultError(
        .invalidVector,
        "entry \(i % dimension) of sample vector \(i / dimension) is \(vectors[i]); "
          + "a transform is fitted on finite numbers")
    }
  }

  private static func copy(
    _ vectors: UnsafePointer<Float>, _ dimension: Int, order: [Int], normalizing: Bool
  ) -> [Float] {
    [Float](unsafeUninitializedCapacity: order.count * dimension) { buffer, filled in
      buffer.initialize(repeating: 0)
      for (i, row) in order.enumerated() {
        let target = buffer.baseAddress! + i * dimension
        if normalizing {
          VectorNorm.normalize(vectors + row * dimension, dimension, into: target)
        } else {
          target.update(from: vectors + row * dimension, count: dimension)
        }
      }
      filled = order.count * dimension
    }
  }

  /// A copy, of unit length under cosine.
  static func normalized(
    _ vectors: UnsafePointer<Float>, count: Int, dimension: Int, metric: Metric
  ) -> [Float] {
    var copy = Array(UnsafeBufferPointer(start: vectors, count: count * dimension))
    guard metric == .cosine else { return copy }
    copy.withUnsafeMutableBufferPointer { copy in
      for i in 0..<count {
        let row = copy.baseAddress! + i * dimension
        VectorNorm.normalize(row, dimension, into: row)
      }
    }
    return copy
  }
}
