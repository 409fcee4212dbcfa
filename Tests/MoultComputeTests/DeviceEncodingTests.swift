import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Encoding on a device", .needsDevice)
struct DeviceEncodingTests {
  /// Rows, then side data.
  private func bytes(
    _ encoder: VectorEncoder, _ vectors: [Float], withSide: Bool = true, parallel: ParallelFor
  ) -> [UInt8] {
    let count = vectors.count / encoder.dimension
    var rows = [UInt8](repeating: 0xA5, count: count * encoder.rowBytes)
    var side = [Float](repeating: -1, count: count * encoder.sideBytes / 4)
    side.withUnsafeMutableBytes { side in
      encoder.encode(
        vectors, count: count, rows: &rows, side: withSide ? side.baseAddress : nil, tileRows: 100,
        parallel: parallel)
    }
    return rows + side.withUnsafeBytes { Array($0) }
  }

  /// What has its codes made by a device.
  private static func isOnDevice(_ encoder: VectorEncoder) -> Bool {
    (encoder.quantizer as? any DeviceCoded)?.deviceKind != nil
  }

  /// Plain vectors, and some that are hard: zero, equal, long, short, at the ends of what float32 holds.
  private static func vectors(_ count: Int, dimension: Int, _ random: inout SeededGenerator) -> [Float] {
    var vectors = random.gaussianFloats(count: count * dimension)
    let scales: [(row: Int, scale: Float)] = [
      (0, 0), (7, 10), (8, 1e-6), (9, 1e30), (10, 1e-30), (11, 1e36), (12, 1e-38), (13, 1e-42), (14, 1e19),
    ]
    for (row, scale) in scales where row < count {
      for j in 0..<dimension { vectors[row * dimension + j] *= scale }
    }
    if count > 6 {
      for j in 0..<dimension { vectors[5 * dimension + j] = vectors[6 * dimension + j] }
    }
    return vectors
  }

  @Test(
    "writes the CPU's bytes, whatever the code", arguments: [1, 3, 31, 64, 65, 100, 384, 768], Metric.allCases
  )
  func sameBytes(dimension: Int, metric: Metric) throws {
    let fixture = try DeviceFixture()
    var random = SeededGenerator(seed: UInt64(dimension))
    let sample = random.gaussianFloats(count: 300 * dimension)
    // The emulated device takes its time for matrices of many dimensions.
    let vectors = Self.vectors(dimension > 400 ? 101 : 257, dimension: dimension, &random)
    for specification in allSpecifications(dimension: dimension) {
      let encoder = try VectorEncoder.trained(
        specification, dimension: dimension, metric: metric, on: sample, seed: 3)
      let calls = fixture.device.counts.calls
      for withSide in [true, false] {
        let expected = bytes(encoder, vectors, withSide: withSide, parallel: .serial)
        let found = bytes(encoder, vectors, withSide: withSide, parallel: fixture.parallel)
        let first = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        #expect(first == nil, "\(specification), byte \(first ?? 0), row \((first ?? 0) / encoder.rowBytes)")
      }
      #expect(
        fixture.device.counts.calls == calls + (Self.isOnDevice(encoder) ? 2 : 0), "\(specification)")
    }
    #expect(fixture.device.counts.fallbacks == 0, "\(fixture.events)")
  }

  @Test("int8 and the codes of levels are made there, of all kinds; bits and floats are not")
  func which() throws {
    var random = SeededGenerator(seed: 1)
    let sample = random.gaussianFloats(count: 300 * 64)
    func isOnDevice(_ quantization: Quantization) throws -> Bool {
      Self.isOnDevice(
        try VectorEncoder.trained(
          EncodingSpecification(quantization: quantization), dimension: 64, metric: .cosine, on: sample))
    }
    for quantization in [Quantization.int8, .lloyd4, .segmented, .rabitq2] {
      #expect(try isOnDevice(quantization), "\(quantization)")
    }
    for quantization in [Quantization.none, .binary] {
      #expect(try !isOnDevice(quantization), "\(quantization)")
    }
  }

  @Test("numbers of rows on both sides of a tile", arguments: [0, 1, 2, 63, 64, 65, 1023, 1025])
  func counts(count: Int) throws {
    let dimension = 48
    let fixture = try DeviceFixture()
    var random = SeededGenerator(seed: UInt64(count))
    let sample = random.gaussianFloats(count: 300 * dimension)
    let vectors = Self.vectors(count, dimension: dimension, &random)
    let specifications = [
      EncodingSpecification(quantization: .int8), EncodingSpecification(quantization: .lloyd4),
      EncodingSpecification(quantization: .segmented),
      EncodingSpecification(quantization: .int8, dimensions: 40, transform: .pca),
      EncodingSpecification(quantization: .segmented, dimensions: 40, transform: .pca),
    ]
    for specification in specifications {
      let encoder = try VectorEncoder.trained(
        specification, dimension: dimension, metric: .cosine, on: sample)
      #expect(
        bytes(encoder, vectors, parallel: fixture.parallel) == bytes(encoder, vectors, parallel: .serial),
        "\(specification)")
    }
    #expect(fixture.device.counts == (count == 0 ? 0 : specifications.count, 0))
  }
}
