internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantVector {
  var mismatch: QdrantError {
    switch kind {
    case .dense: .wrongInput("Vector \(name) is dense; send a list of numbers")
    case .sparse: .wrongInput("Vector \(name) is sparse; send indices and values")
    case .multi: .wrongInput("Vector \(name) is a multivector; send a list of vectors")
    }
  }

  func check(_ values: [Float], dimension: Int) throws(QdrantError) {
    guard values.count == dimension else {
      throw .wrongInput("Vector dimension error: expected dim: \(dimension), got \(values.count)")
    }
  }

  /// A point's vector, of a point that was read with its vectors and payload; `nil` where it has none.
  func example(of point: Point) throws -> QdrantQuery.Example? {
    switch kind {
    case .dense: return values(of: point).map { .dense($0) }
    case .sparse:
      return try StoredPayload(point.payload).object[target]?.string.flatMap(QdrantSparseVector.init(stored:))
        .map { .sparse($0) }
    case .multi(let dimension, let part):
      return try StoredPayload(point.payload).multiVector(part, dimension: dimension).map { .multi($0) }
    }
  }

  /// The mean of the positive examples, as much further from that of the negative ones as they are apart.
  func average(
    _ positive: [QdrantQuery.Example], _ negative: [QdrantQuery.Example]
  ) throws(QdrantError) -> QdrantQuery.Example {
    switch kind {
    case .dense(let dimension):
      let near = try mean(positive, dimension)
      guard !negative.isEmpty else { return .dense(near) }
      return .dense(zip(near, try mean(negative, dimension)).map { $0 + $0 - $1 })
    case .sparse:
      var sums: [UInt32: Float] = [:]
      func add(_ examples: [QdrantQuery.Example], _ weight: Float) throws(QdrantError) {
        for example in examples {
          guard case .sparse(let vector) = example else { throw mismatch }
          for (index, value) in zip(vector.indices, vector.values) {
            sums[index, default: 0] += value * weight / Float(examples.count)
          }
        }
      }
      try add(positive, negative.isEmpty ? 1 : 2)
      try add(negative, -1)
      let indices = sums.keys.sorted()
      return .sparse(QdrantSparseVector(indices: indices, values: indices.map { sums[$0]! }))
    case .multi(let dimension, _):
      // All rows together, those of the negative ones turned round.
      var values: [Float] = []
      for example in positive { values += try multi(example).values }
      for example in negative { values += try multi(example).values.map { -$0 } }
      guard !values.isEmpty else { throw .badRequest("At least one positive vector ID required") }
      return .multi(QdrantMultiVector(dimension: dimension, values: values))
    }
  }

  /// An example as this multivector is compared with it: one dense vector is as good as a row.
  func multi(_ example: QdrantQuery.Example) throws(QdrantError) -> QdrantMultiVector {
    guard case .multi(let dimension, _) = kind else { throw mismatch }
    let given: QdrantMultiVector
    switch example {
    case .multi(let own): given = own
    case .dense(let row): given = QdrantMultiVector(dimension: row.count, values: row)
    case .id, .sparse, .document: throw mismatch
    }
    guard given.dimension == dimension, !given.values.isEmpty else {
      throw .wrongInput("Vector dimension error: expected dim: \(dimension), got \(given.dimension)")
    }
    return distance == .cosine ? given.normalized : given
  }

  private func mean(_ examples: [QdrantQuery.Example], _ dimension: Int) throws(QdrantError) -> [Float] {
    var sum = [Float](repeating: 0, count: dimension)
    for example in examples {
      guard case .dense(let values) = example else { throw mismatch }
      try check(values, dimension: dimension)
      for place in sum.indices { sum[place] += values[place] }
    }
    return sum.map { $0 / Float(examples.count) }
  }

  /// Higher is more similar, whatever the distance is.
  func similarity(_ a: QdrantQuery.Example, _ b: QdrantQuery.Example) -> Float {
    switch (a, b) {
    case (.dense(let a), .dense(let b)):
      switch distance {
      case .dot: return Self.sum(a, b) { $0 * $1 }
      case .euclid: return -Self.sum(a, b) { ($0 - $1) * ($0 - $1) }
      case .manhattan: return -Self.sum(a, b) { abs($0 - $1) }
      case .cosine:
        let norms = (Self.sum(a, a) { $0 * $1 } * Self.sum(b, b) { $0 * $1 }).squareRoot()
        return norms > 0 ? Self.sum(a, b) { $0 * $1 } / norms : 0
      }
    case (.sparse(let a), .sparse(let b)): return a.dot(b)
    case (.multi(let a), .multi(let b)):
      return Engine.maxSim(a.values, b.values, dimension: a.dimension, rowSimilarity)
    default: return -.infinity
    }
  }

  private static func sum(_ a: [Float], _ b: [Float], _ part: (Float, Float) -> Float) -> Float {
    zip(a, b).reduce(0) { $0 + part($1.0, $1.1) }
  }
}

extension QdrantSparseVector {
  /// Of ascending indices.
  init(indices: [UInt32], values: [Float]) {
    self.indices = indices
    self.values = values
  }

  func dot(_ other: QdrantSparseVector) -> Float {
    var (sum, i, j): (Float, Int, Int) = (0, 0, 0)
    while i < indices.count, j < other.indices.count {
      if indices[i] == other.indices[j] { sum += values[i] * other.values[j] }
      let (left, right) = (indices[i], other.indices[j])
      if left <= right { i += 1 }
      if right <= left { j += 1 }
    }
    return sum
  }
}
