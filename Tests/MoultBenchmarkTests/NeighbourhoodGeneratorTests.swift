import Foundation
import MoultFiles
import MoultModel
import MoultTesting
import Testing

@testable import MoultBenchmark

@Suite("Vectors made from real ones")
struct NeighbourhoodGeneratorTests {
  static let dimension = 32
  let directory = TemporaryDirectory()

  /// Points on the circles of two planes, far from the origin of neither: their neighbours lie along curves.
  private func base(rows: Int = 400) throws -> BenchmarkData {
    var random = SeededGenerator(seed: 5)
    var vectors = [Float](repeating: 0, count: rows * Self.dimension)
    for row in 0..<rows {
      let angle = Float(random.next() % 10_000) / 10_000 * 2 * .pi
      let plane = row % 2 * 2
      vectors[row * Self.dimension + plane] = cos(angle)
      vectors[row * Self.dimension + plane + 1] = sin(angle)
    }
    let path = directory.path + "/base.npy"
    let writer = try VectorFileWriter(
      path: path, elementType: .float32, dimension: Self.dimension, force: true)
    try writer.append(vectors)
    try writer.close()
    return try BenchmarkData(vectorsPath: path, metric: .cosine)
  }

  private func generator(
    _ base: BenchmarkData, _ noise: NeighbourhoodGenerator.Noise = .local, seed: UInt64 = 1, threads: Int = 1
  ) throws -> NeighbourhoodGenerator {
    try NeighbourhoodGenerator(base: base, noise: noise, seed: seed, threads: threads)
  }

  @Test("a row depends on the seed and its number, not on chunks or threads; the real rows come first")
  func deterministic() throws {
    let base = try base()
    let whole = try generator(base).rows(0..<1000)
    let parallel = try generator(base, threads: 3)
    #expect(parallel.rows(0..<317) + parallel.rows(317..<1000) == whole)
    #expect(Array(whole.prefix(base.rowCount * Self.dimension)) == base.vectors)
    let other = try generator(base, seed: 2).rows(400..<1000)
    #expect(other != Array(whole.dropFirst(400 * Self.dimension)))
  }

  @Test("local noise stays in the directions of the data, isotropic noise leaves them; lengths stay")
  func directions() throws {
    let base = try base()
    for (noise, share) in [(NeighbourhoodGenerator.Noise.local, 0.0...1e-6), (.isotropic, 1e-5...1)] {
      let rows = try generator(base, noise).rows(400..<900)
      var (outside, all) = (0.0, 0.0)
      for row in 0..<500 {
        let x = rows[row * Self.dimension..<(row + 1) * Self.dimension].map(Double.init)
        let squares = x.map { $0 * $0 }
        #expect(abs(squares.reduce(0, +) - 1) < 1e-5)
        outside += squares.dropFirst(4).reduce(0, +)
        all += squares.reduce(0, +)
      }
      #expect(share.contains(outside / all), "\(noise): \(outside / all)")
    }
  }

  @Test("the file is what the generator makes, in halves; too few rows are refused")
  func file() throws {
    let base = try base()
    let path = directory.path + "/made.npy"
    var records: [BenchmarkRecord] = []
    try GenerateBenchmark.run(
      base, count: 9000, noise: .local, noiseScale: NeighbourhoodGenerator.noiseScale, seed: 1, threads: 2,
      path: path, force: false
    ) {
      records.append($0)
    }
    let file = try VectorFile(path: path)
    #expect(file.rowCount == 9000 && file.elementType == .float16 && records.count == 1)
    let made = try generator(base).rows(8990..<9000)
    #expect(zip(try file.readRows(8990..<9000), made).allSatisfy { abs($0 - $1) < 1e-3 })

    let few = try BenchmarkData(vectorsPath: path, metric: .cosine, rows: 10)
    #expect(throws: MoultError.self) { _ = try generator(few) }
  }

  @Test("the local dimension of points on a line of directions is about 1, that of a ball is higher")
  func difficulty() throws {
    var random = SeededGenerator(seed: 6)
    let path = directory.path + "/ball.npy"
    let writer = try VectorFileWriter(path: path, elementType: .float32, dimension: Self.dimension)
    try writer.append(random.gaussianFloats(count: 2000 * Self.dimension))
    try writer.close()
    let ball = try BenchmarkData(vectorsPath: path, metric: .cosine)
    var dimensions: [Double] = []
    for data in [try base(), ball] {
      try DifficultyBenchmark.run(data, BenchmarkOptions(threads: 1, k: 20)) {
        dimensions.append($0.localDimension ?? 0)
        #expect(($0.relativeContrast ?? 0) > 1)
      }
    }
    #expect((0.7..<1.4).contains(dimensions[0]) && dimensions[1] > 8, "\(dimensions)")
  }
}
