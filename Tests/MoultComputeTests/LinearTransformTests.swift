import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Linear transform")
struct LinearTransformTests {
  @Test(
    "equals the product in double, within the stated bound",
    arguments: [(1, 1), (3, 2), (65, 64), (100, 130), (384, 256)])
  func equalsOracle(input: Int, output: Int) {
    var random = SeededGenerator(seed: UInt64(input * 1000 + output))
    let matrix = random.gaussianFloats(count: input * output)
    let bias = random.gaussianFloats(count: output)
    let transform = LinearTransform(
      matrix: matrix, bias: bias, inputDimension: input, outputDimension: output, isOrthonormal: false)
    let count = 67
    let x = random.gaussianFloats(count: count * input)
    var batch = [Float](repeating: .nan, count: count * output)
    transform.apply(x, count: count, into: &batch)
    for i in [0, 1, 63, 64, 66] {
      let vector = x[i * input..<(i + 1) * input]
      for j in 0..<output {
        let row = matrix[j * input..<(j + 1) * input]
        let exact = Oracle.dot(row, vector) + Double(bias[j])
        let bound = Double(input + 2) * 0x1p-24 * (norm(row) * norm(vector) + abs(Double(bias[j])) + 1)
        #expect(abs(Double(batch[i * output + j]) - exact) <= bound)
      }
    }
  }

  @Test("an entry is one chain of fused multiply-adds", arguments: [(3, 2), (40, 33), (300, 100)])
  func isChain(input: Int, output: Int) {
    var random = SeededGenerator(seed: UInt64(input))
    let matrix = random.gaussianFloats(count: input * output)
    let transform = LinearTransform(
      matrix: matrix, inputDimension: input, outputDimension: output, isOrthonormal: false)
    let x = random.gaussianFloats(count: 9 * input)
    var y = [Float](repeating: .nan, count: 9 * output)
    transform.apply(x, count: 9, into: &y)
    for i in 0..<9 {
      for j in 0..<output {
        var sum: Float = 0
        for l in 0..<input { sum.addProduct(x[i * input + l], matrix[j * input + l]) }
        #expect(y[i * output + j].bitPattern == sum.bitPattern, "vector \(i), entry \(j)")
      }
    }
  }

  @Test("gives a vector the same bits in whatever batch", arguments: [5, 17, 40, 100, 384])
  func ignoresBatch(input: Int) {
    var random = SeededGenerator(seed: UInt64(input))
    let output = input * 2 / 3
    let transform = LinearTransform(
      matrix: random.gaussianFloats(count: input * output), inputDimension: input, outputDimension: output,
      isOrthonormal: false)
    let count = 150
    let x = random.gaussianFloats(count: count * input)
    var all = [Float](repeating: .nan, count: count * output)
    transform.apply(x, count: count, into: &all)
    for (first, size) in [(0, 1), (3, 64), (63, 2), (95, 2), (100, 50), (149, 1)] {
      var part = [Float](repeating: .nan, count: size * output)
      x.withUnsafeBufferPointer {
        transform.apply($0.baseAddress! + first * input, count: size, into: &part)
      }
      #expect(part == Array(all[first * output..<(first + size) * output]))
    }
  }
}
