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
    var one = [Float](repeating: .nan, count: output)
    for i in [0, 1, 63, 64, 66] {
      let vector = x[i * input..<(i + 1) * input]
      x.withUnsafeBufferPointer { transform.applyToOne($0.baseAddress! + i * input, into: &one) }
      for j in 0..<output {
        let row = matrix[j * input..<(j + 1) * input]
        let exact = Oracle.dot(row, vector) + Double(bias[j])
        let bound = Double(input + 2) * 0x1p-24 * (norm(row) * norm(vector) + abs(Double(bias[j])) + 1)
        #expect(abs(Double(batch[i * output + j]) - exact) <= bound)
        #expect(abs(Double(one[j]) - exact) <= bound)
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
    for (first, size) in [(0, 1), (3, 64), (63, 2), (100, 50), (149, 1)] {
      var part = [Float](repeating: .nan, count: size * output)
      x.withUnsafeBufferPointer {
        transform.apply($0.baseAddress! + first * input, count: size, into: &part)
      }
      #expect(part == Array(all[first * output..<(first + size) * output]))
    }
  }
}
