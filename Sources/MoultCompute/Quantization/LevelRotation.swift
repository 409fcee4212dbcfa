internal import MoultModel

/// What turns a centred vector so that its coordinates can be coded: a seeded random rotation, or learned
/// directions of falling variance of which only those that have codes are kept.
enum LevelRotation: Sendable {
  case random(RandomRotation)
  /// Rows orthonormal, or zero where they pad the last segment.
  case learned(LinearTransform)

  /// Whether the result has the whole length of the vector.
  var isWhole: Bool {
    switch self {
    case .random: true
    case .learned: false
    }
  }

  /// - Parameters:
  ///   - v: `count × dimension`.
  ///   - r: `count × rotated`.
  func apply(
    _ v: UnsafePointer<Float>, dimension: Int, count: Int, into r: UnsafeMutablePointer<Float>, rotated: Int
  ) {
    switch self {
    case .random:
      for i in 0..<count {
        applyToOne(v + i * dimension, dimension: dimension, into: r + i * rotated, rotated: rotated)
      }
    case .learned(let map):
      map.apply(v, count: count, into: r)
    }
  }

  func applyToOne(
    _ v: UnsafePointer<Float>, dimension: Int, into r: UnsafeMutablePointer<Float>, rotated: Int
  ) {
    switch self {
    case .random(let rotation):
      if r != v { r.update(from: v, count: dimension) }
      (r + dimension).update(repeating: 0, count: rotated - dimension)
      rotation.apply(r)
    case .learned(let map):
      map.apply(v, count: 1, into: r)
    }
  }

  /// The transpose: what lies in the span comes back, the rest is 0. Changes `r`.
  func applyInverse(
    _ r: UnsafeMutablePointer<Float>, rotated: Int, into v: UnsafeMutablePointer<Float>, dimension: Int
  ) {
    switch self {
    case .random(let rotation):
      rotation.applyInverse(r)
      v.update(from: r, count: dimension)
    case .learned(let map):
      v.update(repeating: 0, count: dimension)
      for i in 0..<rotated {
        let row = map.matrix.pointer + i * dimension
        for j in 0..<dimension { v[j] += r[i] * row[j] }
      }
    }
  }

  /// Kind u8; seed u64, or the matrix.
  func write(to writer: inout ByteWriter) {
    switch self {
    case .random(let rotation):
      writer.integer(UInt8(0))
      writer.integer(rotation.seed)
    case .learned(let map):
      writer.integer(UInt8(1))
      writer.floats(map.matrix)
    }
  }

  init(reading reader: inout ByteReader, dimension: Int, rotated: Int) throws(MoultError) {
    let kind = try reader.integer(UInt8.self, "kind of the rotation")
    switch kind {
    case 0:
      guard rotated == RandomRotation.paddedDimension(dimension) else {
        throw reader.corrupted("a random rotation of \(dimension) dimensions gives not \(rotated)")
      }
      let seed = try reader.integer(UInt64.self, "seed of the rotation")
      self = .random(RandomRotation(dimension: rotated, seed: seed))
    case 1:
      let matrix = try reader.floats(rotated * dimension, "the rotation's matrix")
      self = .learned(
        LinearTransform(
          matrix: matrix, bias: nil, inputDimension: dimension, outputDimension: rotated, isOrthonormal: true)
      )
    default:
      throw reader.corrupted("the kind of the rotation is \(kind)")
    }
  }
}
