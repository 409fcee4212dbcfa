import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Least squares and Procrustes on the moments of paired samples.
@Suite("Pair covariance")
struct PairCovarianceTests {
  /// `output = Mᵀ·input + 5 + noise`, inputs correlated and far from zero.
  static func pairs(
    count: Int, input p: Int, output q: Int, noise: Float = 0.3, seed: UInt64
  ) -> (input: [Float], output: [Float], map: [Float]) {
    var random = SeededGenerator(seed: seed)
    let map = random.gaussianFloats(count: p * q)
    var input: [Float] = []
    var output: [Float] = []
    for _ in 0..<count {
      let shared = random.gaussian()
      let row = (0..<p).map { Float($0 % 3) + 3 + shared + random.gaussian() * (1 + Float($0 % 4)) }
      input += row
      for j in 0..<q {
        output.append((0..<p).reduce(Float(5)) { $0 + row[$1] * map[$1 * q + j] } + noise * random.gaussian())
      }
    }
    return (input, output, map)
  }

  static func fit(
    _ input: [Float], _ p: Int, _ output: [Float], _ q: Int, folds: Int = 5
  ) throws -> PairedFit {
    try PairedFit(
      PairedSample(
        input: input, inputDimension: p, output: output, outputDimension: q, count: input.count / p,
        normalizing: false, foldCount: folds, seed: 9))
  }

  @Test(
    "whole and folds equal covariances in double", arguments: [(3, 2, 10), (8, 8, 61), (20, 7, 523)])
  func equalsOracle(p: Int, q: Int, count: Int) throws {
    let (input, output, _) = PairCovarianceTests.pairs(count: count, input: p, output: q, seed: UInt64(count))
    let fit = try PairCovarianceTests.fit(input, p, output, q)
    let all = Array(0..<count)
    var cases = [(fit.covariance, all)]
    for fold in 0..<5 {
      cases.append((fit.foldCovariances[fold], all.filter { !fit.sample.rows(ofFold: fold).contains($0) }))
    }
    for (covariance, rows) in cases {
      let exact = DoubleCovariance(fit.sample.input, p, fit.sample.output, q, rows: rows)
      for i in 0..<p {
        #expect(abs(covariance.inputMean[i] - exact.inputMean[i]) < 1e-4)
        for j in i..<p {
          let bound = 1e-4 * (1 + exact.input[i * p + i] + exact.input[j * p + j])
          #expect(abs(Double(covariance.input[i * p + j]) - exact.input[i * p + j]) < bound)
        }
        for j in 0..<q {
          #expect(abs(Double(covariance.cross[i * q + j]) - exact.cross[i * q + j]) < 1e-3)
        }
      }
    }
  }

  @Test("folds share out the pairs, each once", arguments: [10, 11, 14, 1003])
  func foldsPartition(count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let input = (0..<count).map(Float.init)
    let sample = try PairedSample(
      input: input, inputDimension: 1, output: input, outputDimension: 1, count: count, normalizing: false,
      foldCount: 5, seed: random.next())
    #expect(sample.input == sample.output)
    #expect(sample.input.sorted() == input)
    #expect(sample.input != input)
    let folds = (0..<5).map(sample.rows(ofFold:))
    #expect(folds.flatMap { Array($0) } == Array(0..<count))
    #expect(folds.allSatisfy { $0.count >= count / 5 && $0.count <= count / 5 + 1 })
  }

  @Test("ridge solves its normal equations", arguments: [1e-4, 1e-2, 1, 100], [true, false])
  func solvesNormalEquations(relative: Double, hasPrior: Bool) throws {
    let (p, q) = (12, 9)
    let (input, output, _) = PairCovarianceTests.pairs(count: 300, input: p, output: q, seed: 3)
    let fit = try PairCovarianceTests.fit(input, p, output, q)
    let exact = DoubleCovariance(fit.sample.input, p, fit.sample.output, q, rows: Array(0..<300))
    let lambda = relative * fit.covariance.meanVariance
    var random = SeededGenerator(seed: 4)
    let prior = hasPrior ? random.gaussianFloats(count: p * q) : nil
    let map = try #require(try fit.covariance.ridge(lambda, towards: prior))
    for i in 0..<p {
      for j in 0..<q {
        var left = lambda * Double(map[i * q + j])
        for l in 0..<p { left += exact.input[i * p + l] * Double(map[l * q + j]) }
        let right = exact.cross[i * q + j] + lambda * Double(prior?[i * q + j] ?? 0)
        #expect(abs(left - right) < 1e-4 * (exact.scale + lambda))
      }
    }
  }

  @Test("without noise and regularization ridge finds the map")
  func findsMap() throws {
    let (input, output, map) = PairCovarianceTests.pairs(count: 200, input: 6, output: 4, noise: 0, seed: 5)
    let covariance = try PairCovarianceTests.fit(input, 6, output, 4).covariance
    let found = try #require(try covariance.ridge(1e-6 * covariance.meanVariance))
    for (found, map) in zip(found, map) { #expect(abs(found - map) < 1e-3) }
  }

  @Test("the more it is regularized, the nearer to what it is regularized towards")
  func shrinksTowardsPrior() throws {
    let (input, output, _) = PairCovarianceTests.pairs(count: 100, input: 6, output: 6, seed: 6)
    let covariance = try PairCovarianceTests.fit(input, 6, output, 6).covariance
    let prior = try covariance.procrustes().map
    var last = Double.infinity
    for relative in [1e-3, 1, 1e3, 1e6] {
      let map = try #require(try covariance.ridge(relative * covariance.meanVariance, towards: prior))
      let distance = norm(zip(map, prior).map { $0 - $1 })
      #expect(distance < last)
      last = distance
    }
    #expect(last < 1e-4)
  }

  @Test("a reduced map has its rank; the full rank is the map itself", arguments: [1, 2, 5])
  func reducesRank(rank: Int) throws {
    let (p, q) = (7, 6)
    let (input, output, _) = PairCovarianceTests.pairs(count: 200, input: p, output: q, seed: 7)
    let covariance = try PairCovarianceTests.fit(input, p, output, q).covariance
    let map = try #require(try covariance.ridge(0.01 * covariance.meanVariance))
    let reduced = try covariance.reduced(map, rank: rank)
    let values = try BLAS.singularValues(of: reduced, rows: p, columns: q).s
    #expect(values[rank - 1] > 1e-2)
    #expect(values[rank...].allSatisfy { $0 < 1e-4 * values[0] })
    #expect(try covariance.reduced(map, rank: q) == map)
    // The projection by the full basis, not only its shortcut.
    var all = covariance.mapped(by: map)
    _ = try BLAS.symmetricEigen(&all, dimension: q)
    #expect(identityError(transposed(all, rows: q, columns: q), rows: q, columns: q) < 1e-5)
  }

  @Test("Procrustes finds a rotation exactly, and its scale", arguments: [2, 16, 65])
  func findsRotation(dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let rotation = try DenseRotation.make(dimension: dimension, seed: 8)
    let input = random.gaussianFloats(count: 10 * dimension * dimension)
    let output = try rotation.map(input, as: .encoding).map { 2.5 * $0 }
    let covariance = try PairCovarianceTests.fit(input, dimension, output, dimension).covariance
    let (map, scale) = try covariance.procrustes()
    let expected = transposed(rotation.matrix.values, rows: dimension, columns: dimension)
    for (found, expected) in zip(map, expected) { #expect(abs(found - expected) < 1e-4) }
    #expect(abs(scale - 2.5) < 1e-3)
  }

  @Test("Procrustes is orthonormal and no random rotation is closer", arguments: [(8, 8), (5, 9), (9, 5)])
  func isBestRotation(p: Int, q: Int) throws {
    let (input, output, _) = PairCovarianceTests.pairs(count: 400, input: p, output: q, seed: 10)
    let covariance = try PairCovarianceTests.fit(input, p, output, q).covariance
    let map = try covariance.procrustes().map
    let short = p <= q ? map : transposed(map, rows: p, columns: q)
    #expect(identityError(short, rows: min(p, q), columns: max(p, q)) < 1e-5)
    // Among maps of given length the closest has the largest tr(Wᵀ·C_ab).
    func agreement(_ map: [Float]) -> Double { Oracle.dot(map[...], covariance.cross[...]) }
    let best = agreement(map)
    for seed in 0..<200 {
      let larger = max(p, q)
      let rotation = try DenseRotation.make(dimension: larger, seed: UInt64(seed)).matrix.values
      let cut = (0..<p).flatMap { row in rotation[row * larger..<row * larger + q] }
      #expect(agreement(cut) < best, "seed \(seed)")
    }
  }
}

/// Means and covariances of paired rows, all in double.
struct DoubleCovariance {
  var inputMean: [Double]
  var input: [Double]
  var cross: [Double]
  /// Largest entry.
  var scale: Double { max(input.map(abs).max() ?? 0, cross.map(abs).max() ?? 0) }

  init(_ a: [Float], _ p: Int, _ b: [Float], _ q: Int, rows: [Int]) {
    let n = Double(rows.count)
    inputMean = (0..<p).map { j in rows.reduce(0) { $0 + Double(a[$1 * p + j]) } / n }
    let outputMean = (0..<q).map { j in rows.reduce(0) { $0 + Double(b[$1 * q + j]) } / n }
    input = [Double](repeating: 0, count: p * p)
    cross = [Double](repeating: 0, count: p * q)
    for row in rows {
      for i in 0..<p {
        let x = Double(a[row * p + i]) - inputMean[i]
        for j in 0..<p { input[i * p + j] += x * (Double(a[row * p + j]) - inputMean[j]) / n }
        for j in 0..<q { cross[i * q + j] += x * (Double(b[row * q + j]) - outputMean[j]) / n }
      }
    }
  }
}
