import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Transform direction")
struct TransformDirectionTests {
  private static let toOld = TransformDirection(.queries, from: .newModel, to: .oldModel)

  private func transform(_ direction: TransformDirection, normalizing: Bool = false) -> LinearTransform {
    LinearTransform(
      matrix: [1, 0, 0, 0, 2, 0], bias: [0.5, -1], inputDimension: 3, outputDimension: 2,
      isOrthonormal: false,
      normalizesInput: normalizing, direction: direction)
  }

  private func error(_ body: () throws -> Void) -> MoultError? {
    do {
      try body()
      return nil
    } catch {
      return error as? MoultError
    }
  }

  @Test("what it was made for is allowed, with either side where it was made for both")
  func allows() throws {
    try transform(TransformDirectionTests.toOld).require(
      TransformDirectionTests.toOld, inputDimension: 3, outputDimension: 2)
    for side in TransformSide.allCases {
      try transform(.encoding).require(
        TransformDirection(side, from: .collection, to: .code), inputDimension: 3)
    }
    #expect(try transform(.encoding).map([1, 2, 3, 4, 5, 6], as: .encoding) == [1.5, 3, 4.5, 9])
    #expect(try transform(.encoding).map([], as: .encoding) == [])
  }

  @Test("the other way round is refused, naming what was expected, what came and what to do")
  func otherWayRound() throws {
    let use = TransformDirection(.queries, from: .oldModel, to: .newModel)
    let refusal = try #require(
      error { try transform(TransformDirectionTests.toOld).require(use, inputDimension: 3) })
    #expect(refusal.code == .invalidArgument)
    #expect(refusal.message.contains("queries from newModel to oldModel"))
    #expect(refusal.message.contains("queries from oldModel to newModel"))
    #expect(refusal.message.contains("other way round: fit one from oldModel to newModel"))
  }

  @Test("every other direction is refused, and none that is allowed")
  func everyDirection() {
    for side in TransformSide.allCases {
      for source in VectorSpace.allCases {
        for target in VectorSpace.allCases {
          let use = TransformDirection(side, from: source, to: target)
          let isAllowed = use == TransformDirectionTests.toOld
          let refusal = error { try transform(TransformDirectionTests.toOld).require(use, inputDimension: 3) }
          #expect((refusal == nil) == isAllowed, "\(use)")
          #expect(
            error { _ = try transform(TransformDirectionTests.toOld).map([1, 2, 3], as: use) } == refusal)
        }
      }
    }
  }

  @Test("another dimension, part of a vector and a number that is not finite are refused")
  func refuses() {
    let map = transform(.encoding)
    #expect(
      error { try map.require(.encoding, inputDimension: 4) }?.code == .dimensionMismatch)
    #expect(
      error { try map.require(.encoding, inputDimension: 3, outputDimension: 3) }?.code == .dimensionMismatch)
    #expect(error { _ = try map.map([1, 2], as: .encoding) }?.code == .dimensionMismatch)
    for bad in [Float.nan, .infinity, -.infinity] {
      let refusal = error { _ = try map.map([1, 2, 3, 4, bad, 6], as: .encoding) }
      #expect(refusal?.code == .invalidVector)
      #expect(refusal?.message.contains("entry 1 of vector 1") == true)
    }
  }

  @Test("a normalizing transform ignores a vector's length, however extreme")
  func normalizes() throws {
    let map = transform(.encoding, normalizing: true)
    let expected: [Float] = [3 / 13 + 0.5, 2 * 12 / 13 - 1]
    // At 2.5·10³⁷ the product with A overflows.
    for scale in [1, 1e-3, 1e20, 2.5e37, 1e-20, 1e-37] as [Float] {
      let mapped = try map.map([3, 12, 4].map { $0 * scale }, as: .encoding)
      for j in 0..<2 {
        #expect(abs(mapped[j] - expected[j]) < 1e-5, "scale \(scale)")
      }
    }
    #expect(try map.map([0, 0, 0], as: .encoding) == [0.5, -1])
  }
}
