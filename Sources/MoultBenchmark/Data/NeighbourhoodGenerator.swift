internal import Foundation
internal import MoultCompute
internal import MoultModel

/// Makes any number of vectors that lie among real ones.
///
/// Row i is, for i below the number of real rows, real row i. Any other row begins at a random real row a with
/// its k nearest real rows n₁ … n_k, exactly searched, and is
///
///     x = a + t·(b − a) + s·Σⱼ gⱼ·(nⱼ − a)/√k,   b one of the nⱼ, t uniform in 0 ..< 1, gⱼ normal,
///
/// brought to the length (1 − t)·‖a‖ + t·‖b‖. The noise has the covariance of the differences to the
/// neighbours: it goes where the data goes, as far as they are away. Row i depends on the seed and i alone.
///
/// `isotropic` is plain Gaussian noise of the same length around a, without the way to b, for comparison. It
/// leaves the directions of the data and makes clumps around the real rows. `Benchmarks/README.md` compares both
/// with a real set of the same size.
package struct NeighbourhoodGenerator: Sendable {
  package enum Noise: String, Sendable, CaseIterable {
    case local
    case isotropic
  }

  /// Neighbours of a real row that tell where the data goes.
  package static let neighbourCount = 24
  /// s unless another is asked for: length of the noise relative to that of the differences.
  package static let noiseScale: Float = 0.5

  package let dimension: Int
  private let base: BenchmarkData
  /// `rowCount × neighbourCount` row numbers.
  private let neighbours: [[Int64]]
  private let noise: Noise
  private let noiseScale: Float
  private let seed: UInt64
  private let team: ThreadTeam

  /// - Throws: `invalidArgument` when there are too few rows.
  /// - Complexity: one exact search a real row.
  package init(
    base: BenchmarkData, noise: Noise, noiseScale: Float = Self.noiseScale, seed: UInt64, threads: Int
  ) throws {
    let wanted = Self.neighbourCount
    guard base.rowCount > wanted else {
      throw MoultError(
        .invalidArgument, "rows are made of one and its \(wanted) neighbours; there are \(base.rowCount) rows"
      )
    }
    self.base = base
    self.noise = noise
    self.noiseScale = noiseScale
    self.seed = seed
    dimension = base.dimension
    team = ThreadTeam(threads: threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount)
    let all = base.withRowsAsQueries()
    neighbours = all.exact(all.originals(team), k: wanted + 1, batch: 1024, team).enumerated().map {
      row, found in Array(found.filter { $0 != Int64(row) }.prefix(wanted))
    }
  }

  /// - Returns: `rows.count × dimension`, row-major.
  package func rows(_ rows: Range<Int>) -> [Float] {
    [Float](unsafeUninitializedCapacity: rows.count * dimension) { target, count in
      nonisolated(unsafe) let target = target.baseAddress!
      base.vectors.withUnsafeBufferPointer { vectors in
        nonisolated(unsafe) let vectors = vectors.baseAddress!
        team.parallelFor.run(rows.count) { index in
          let x = target + index * dimension
          x.initialize(repeating: 0, count: dimension)
          let row = rows.lowerBound + index
          if row < base.rowCount {
            x.update(from: vectors + row * dimension, count: dimension)
          } else {
            make(row, from: vectors, x)
          }
        }
      }
      count = rows.count * dimension
    }
  }

  private func make(_ row: Int, from vectors: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>) {
    // A state of its own for every row: streams that are shifted against each other would repeat.
    var mixer = SplitMix64(seed: seed ^ (UInt64(row) &* 0xD134_2543_DE82_EF95))
    var random = SplitMix64(seed: mixer.next())
    let a = Int.random(in: 0..<base.rowCount, using: &random)
    let near = neighbours[a]
    let b = Int(near[Int.random(in: 0..<near.count, using: &random)])
    let t = noise == .local ? Float.random(in: 0..<1, using: &random) : 0
    let scale = noiseScale / Float(near.count).squareRoot()
    let origin = vectors + a * dimension
    add(1 - t, origin, to: x)
    add(t, vectors + b * dimension, to: x)
    var squaredLength: Float = 0  // of the isotropic noise: the mean of the local one's
    for neighbour in near {
      let other = vectors + Int(neighbour) * dimension
      switch noise {
      case .local:
        let weight = scale * Self.normal(&random)
        add(weight, other, to: x)
        add(-weight, origin, to: x)
      case .isotropic:
        for i in 0..<dimension { squaredLength += (other[i] - origin[i]) * (other[i] - origin[i]) }
      }
    }
    if noise == .isotropic {
      let deviation = scale * (squaredLength / Float(dimension)).squareRoot()
      for i in 0..<dimension { x[i] += deviation * Self.normal(&random) }
    }
    let wanted = (1 - t) * norm(origin) + t * norm(vectors + b * dimension)
    let length = norm(x)
    guard length > 0 else { return }
    for i in 0..<dimension { x[i] *= wanted / length }
  }

  private func add(_ weight: Float, _ row: UnsafePointer<Float>, to x: UnsafeMutablePointer<Float>) {
    for i in 0..<dimension { x[i] += weight * row[i] }
  }

  private func norm(_ row: UnsafePointer<Float>) -> Float {
    var sum: Float = 0
    for i in 0..<dimension { sum += row[i] * row[i] }
    return sum.squareRoot()
  }

  /// Box and Muller's transform of two uniform numbers.
  private static func normal(_ random: inout SplitMix64) -> Float {
    let radius = (-2 * log(1 - Float.random(in: 0..<1, using: &random))).squareRoot()
    return radius * cos(2 * .pi * Float.random(in: 0..<1, using: &random))
  }
}
