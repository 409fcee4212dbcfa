import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Mapping between models")
struct ModelMappingTests {
  private static let queries = TransformDirection(.queries, from: .newModel, to: .oldModel)
  private static let documents = TransformDirection(.documents, from: .oldModel, to: .newModel)

  private func fit(
    _ source: [Float], _ p: Int, _ target: [Float], _ q: Int, _ method: ModelMappingMethod,
    rank: Int? = nil, metric: Metric = .cosine, direction: TransformDirection = queries, seed: UInt64 = 1
  ) throws -> FittedTransform {
    try ModelMapping.fit(
      source: source, sourceDimension: p, target: target, targetDimension: q, count: source.count / p,
      method: method, rank: rank, metric: metric, direction: direction, seed: seed)
  }

  /// Two views of hidden vectors, as two models have of texts: linear, of other dimensions, with noise.
  private func views(
    count: Int, _ p: Int, _ q: Int, noise: Float = 0.15, seed: UInt64 = 2
  ) -> (source: [Float], target: [Float]) {
    var random = SeededGenerator(seed: seed)
    let hidden = 12
    let toSource = random.gaussianFloats(count: hidden * p)
    let toTarget = random.gaussianFloats(count: hidden * q)
    var (source, target): ([Float], [Float]) = ([], [])
    for _ in 0..<count {
      let text = random.gaussianFloats(count: hidden)
      func view(_ map: [Float], _ dimension: Int) -> [Float] {
        (0..<dimension).map { j in
          let exact = (0..<hidden).reduce(Float(2)) { $0 + text[$1] * map[$1 * dimension + j] }
          return exact + noise * 3 * random.gaussian()
        }
      }
      source += view(toSource, p)
      target += view(toTarget, q)
    }
    return (source, target)
  }

  @Test(
    "every method finds most neighbours on pairs it has not seen, both ways round",
    arguments: ModelMappingMethod.allCases, Metric.allCases)
  func findsNeighbors(method: ModelMappingMethod, metric: Metric) throws {
    for (p, q) in [(20, 20), (16, 24), (24, 16)] {
      let (source, target) = views(count: 120, p, q)
      for direction in [ModelMappingTests.queries, ModelMappingTests.documents] {
        let fitted = try fit(source, p, target, q, method, metric: metric, direction: direction)
        let report = fitted.report
        let recall = try #require(report.heldOutRecall)
        let isometric = method == .procrustes || method == .scaledProcrustes
        // Chance is 0.08. These views are no rotations of each other.
        #expect(recall.mean > (isometric ? 0.2 : 0.5), "\(direction), \(p) to \(q)")
        #expect(recall.k == 10 && recall.queryCount == 120 && recall.lower < recall.mean)
        #expect((report.plainRecall == nil) == (p != q))
        #expect((report.recallGain == nil) == (p != q))
        #expect(report.method == method.rawValue && report.sampleCount == 120)
        #expect(report.conditionNumber >= 1 && report.conditionNumber.isFinite)
        #expect((report.lambda == nil) == isometric)
        #expect(report.predictedGainBits.map { $0 >= 0 && $0.isFinite } == true)
        #expect(fitted.transform.direction == direction)
        #expect(fitted.transform.normalizesInput == (metric == .cosine))
        #expect(fitted.transform.isOrthonormal == (method == .procrustes))
        #expect(fitted.transform.inputDimension == p && fitted.transform.outputDimension == q)
      }
    }
  }

  @Test(
    "the default is at least as good as ridge and Procrustes, with few pairs and many", arguments: [40, 300])
  func defaultIsBest(count: Int) throws {
    // A rotation with some directions bent: few pairs ask for Procrustes, many for ridge.
    var random = SeededGenerator(seed: 11)
    let d = 24
    let rotation = try DenseRotation.make(dimension: d, seed: 12)
    let source = random.gaussianFloats(count: count * d)
    var target = try rotation.map(source, as: .encoding)
    for i in target.indices { target[i] = target[i] * (i % d < 8 ? 2 : 1) + 0.4 * random.gaussian() }
    func recall(_ method: ModelMappingMethod) throws -> Double {
      try #require(try fit(source, d, target, d, method).report.heldOutRecall).mean
    }
    let best = try recall(.default)
    #expect(best >= (try recall(.ridge)) - 0.01)
    #expect(best >= (try recall(.procrustes)) - 0.01)
  }

  @Test("a rotation is found exactly by every method that can be one")
  func findsRotation() throws {
    var random = SeededGenerator(seed: 3)
    let d = 32
    let rotation = try DenseRotation.make(dimension: d, seed: 4)
    let source = random.gaussianFloats(count: 400 * d)
    let target = try rotation.map(source, as: .encoding).enumerated().map { $1 + Float($0 % d) * 0.1 }
    for method in ModelMappingMethod.allCases {
      let fitted = try fit(source, d, target, d, method, metric: .squaredEuclidean)
      #expect(try #require(fitted.report.heldOutRecall).mean > 0.999, "\(method)")
      let mapped = try fitted.transform.map(source, as: ModelMappingTests.queries)
      // Regularization towards zero costs a little of the length.
      let bound: Float = method == .ridge || method == .lowRank ? 0.2 : 2e-3
      for (mapped, target) in zip(mapped, target) { #expect(abs(mapped - target) < bound, "\(method)") }
    }
  }

  @Test("pairs that have nothing to do with each other are not learned by heart")
  func judgesHeldOutPairs() throws {
    var random = SeededGenerator(seed: 5)
    let d = 64
    // Fewer pairs than dimensions: without regularization the fit is perfect on them.
    let source = random.gaussianFloats(count: 60 * d)
    let target = random.gaussianFloats(count: 60 * d)
    for method in ModelMappingMethod.allCases {
      for direction in [ModelMappingTests.queries, ModelMappingTests.documents] {
        let report = try fit(source, d, target, d, method, direction: direction).report
        // Chance is 10 of 59.
        #expect(try #require(report.heldOutRecall).mean < 0.26, "\(method), \(direction)")
      }
    }
  }

  @Test("a rank is kept; the full one is ridge")
  func lowRank() throws {
    let (source, target) = views(count: 150, 20, 20)
    let ridge = try fit(source, 20, target, 20, .ridge)
    let full = try fit(source, 20, target, 20, .lowRank, rank: 20)
    #expect(full.transform.matrix.values == ridge.transform.matrix.values)
    #expect(full.transform.bias?.values == ridge.transform.bias?.values)
    let three = try fit(source, 20, target, 20, .lowRank, rank: 3)
    let values = try BLAS.singularValues(of: three.transform.matrix.values, rows: 20, columns: 20).s
    #expect(three.report.rank == 3)
    #expect(values[2] > 0.01 && values[3] < 1e-4 * values[0])
  }

  @Test("the same seed gives the same bytes")
  func isDeterministic() throws {
    let (source, target) = views(count: 200, 16, 16)
    let first = try fit(source, 16, target, 16, .default)
    let again = try fit(source, 16, target, 16, .default)
    #expect(first.transform.serialized() == again.transform.serialized())
    #expect(first.report == again.report)
  }

  @Test("fewer pairs than dimensions still give a usable map, and the report says how many are wanted")
  func fewPairs() throws {
    let (source, target) = views(count: 10, 40, 40)
    for method in ModelMappingMethod.allCases {
      let fitted = try fit(source, 40, target, 40, method)
      #expect(fitted.transform.matrix.values.allSatisfy { $0.isFinite })
      #expect(fitted.transform.bias?.values.allSatisfy { $0.isFinite } == true)
      #expect(fitted.report.sampleCountWanted > fitted.report.sampleCount)
    }
  }

  @Test("degenerate samples are refused, with what to do")
  func refuses() throws {
    let (source, target) = views(count: 30, 4, 4)
    let constant = [Float](repeating: 0.5, count: 120)
    let zeros = [Float](repeating: 0, count: 120)
    func code(_ source: [Float], _ target: [Float], rank: Int? = nil) -> MoultError.Code? {
      do {
        _ = try fit(source, 4, target, 4, rank == nil ? .default : .lowRank, rank: rank)
        return nil
      } catch {
        return (error as? MoultError)?.code
      }
    }
    #expect(code(Array(source[..<4]), Array(target[..<4])) == .invalidArgument)
    #expect(code([], []) == .invalidArgument)
    #expect(code(constant, target) == .invalidArgument)
    #expect(code(source, constant) == .invalidArgument)
    #expect(code(zeros, target) == .invalidArgument)
    #expect(code(source, zeros) == .invalidArgument)
    for bad in [Float.nan, .infinity] {
      var damaged = source
      damaged[77] = bad
      #expect(code(damaged, target) == .invalidVector)
      #expect(code(source, damaged) == .invalidVector)
    }
    #expect(code(source, target, rank: 0) == .invalidArgument)
    #expect(code(source, target, rank: 5) == .invalidArgument)
    #expect(throws: MoultError.self) {
      try fit(source.map { $0 * 1e30 }, 4, target, 4, .ridge, metric: .innerProduct)
    }
    #expect(throws: MoultError.self) {
      try fit([Float](repeating: 1, count: 40_970), 4097, [Float](repeating: 1, count: 10), 1, .ridge)
    }
  }

  @Test("dead dimensions and duplicates do no harm")
  func deadDimensions() throws {
    var (source, target) = views(count: 200, 20, 20)
    for row in 0..<200 {
      source[row * 20 + 7] = 0
      target[row * 20 + 3] = 0
    }
    let fitted = try fit(source + source, 20, target + target, 20, .default)
    #expect(try #require(fitted.report.heldOutRecall).mean > 0.4)
    #expect(fitted.transform.matrix.values.allSatisfy { $0.isFinite })
  }
}
