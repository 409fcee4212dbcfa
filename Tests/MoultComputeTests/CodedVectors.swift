import MoultCompute
import MoultModel

/// Vectors and their codes, owned by a test.
final class CodedVectors {
  let encoder: VectorEncoder
  let count: Int
  let rows: UnsafeMutableRawPointer
  let side: UnsafeMutableRawPointer

  init(_ encoder: VectorEncoder, _ vectors: [Float]) {
    self.encoder = encoder
    count = vectors.count / encoder.dimension
    rows = .allocate(byteCount: max(64, count * encoder.rowBytes), alignment: 64)
    side = .allocate(byteCount: max(64, count * encoder.sideBytes), alignment: 64)
    encoder.encode(vectors, count: count, rows: rows, side: side)
  }

  deinit {
    rows.deallocate()
    side.deallocate()
  }

  var view: CodeView {
    CodeView(
      rows: rows, rowStride: encoder.rowBytes, side: side, sideStride: encoder.sideBytes, count: count)
  }

  /// Rows, then side data.
  var bytes: [UInt8] {
    Array(UnsafeRawBufferPointer(start: rows, count: count * encoder.rowBytes))
      + Array(UnsafeRawBufferPointer(start: side, count: count * encoder.sideBytes))
  }

  func scores(_ query: PreparedQuery) -> [Float] {
    var scores = [Float](repeating: .nan, count: count)
    encoder.score(query, view, first: 0, count: count, into: &scores)
    return scores
  }
}

extension VectorEncoder {
  /// Trained on the vectors themselves.
  static func trained(
    _ specification: EncodingSpecification, dimension: Int, metric: Metric, on vectors: [Float],
    seed: UInt64 = 1
  ) throws -> VectorEncoder {
    try train(
      specification: specification, dimension: dimension, metric: metric, sample: vectors,
      sampleCount: vectors.count / dimension, seed: seed)
  }
}

/// Brute force in double precision: what scores mean.
enum Oracle {
  static func dot(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    precondition(a.count == b.count)
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        var sum = 0.0
        for i in 0..<a.count { sum += Double(a[i]) * Double(b[i]) }
        return sum
      }
    }
  }

  private static func squaredDistance(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    precondition(a.count == b.count)
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        var sum = 0.0
        for i in 0..<a.count {
          let difference = Double(a[i]) - Double(b[i])
          sum += difference * difference
        }
        return sum
      }
    }
  }

  /// Higher is nearer; a zero vector has cosine 0 with everything.
  static func score(_ query: ArraySlice<Float>, _ row: ArraySlice<Float>, _ metric: Metric) -> Double {
    switch metric {
    case .innerProduct: return dot(query, row)
    case .cosine:
      let norms = (dot(query, query) * dot(row, row)).squareRoot()
      return norms > 0 ? dot(query, row) / norms : 0
    case .squaredEuclidean: return -squaredDistance(query, row)
    }
  }

  static func scores(_ query: ArraySlice<Float>, _ rows: [Float], _ metric: Metric) -> [Double] {
    let dimension = query.count
    return (0..<rows.count / dimension).map {
      score(query, rows[$0 * dimension..<($0 + 1) * dimension], metric)
    }
  }

  /// The `k` best rows; of equal scores the smaller.
  static func nearest(_ scores: [Double], k: Int) -> [Int] {
    Array(scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }.prefix(k))
  }
}

func norm(_ v: ArraySlice<Float>) -> Double { Oracle.dot(v, v).squareRoot() }
func norm(_ v: [Float]) -> Double { norm(v[...]) }

/// Every code, and every transform with codes of each kind, for what must hold for all of them. `dimensions`
/// is about two thirds.
func allSpecifications(dimension: Int) -> [EncodingSpecification] {
  let transformed: [Quantization] = [.none, .float16, .int8, .int4, .binary, .lloyd2, .segmented, .osq1]
  return Quantization.allCases.flatMap { quantization in
    (transformed.contains(quantization) ? Transform.allCases : [.none]).map { transform in
      EncodingSpecification(
        quantization: quantization, dimensions: transform == .none ? nil : max(1, dimension * 2 / 3),
        transform: transform)
    }
  }
}

/// Dimensions around the boundaries of lanes, words and blocks.
let boundaryDimensions = [1, 2, 3, 7, 8, 63, 64, 65, 100, 256, 1000]
