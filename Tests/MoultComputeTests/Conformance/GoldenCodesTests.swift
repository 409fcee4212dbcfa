import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Stored data can be read for ever, and is the same on every machine.
@Suite("Golden codes")
struct GoldenCodesTests {
  /// Uniform numbers: exact on every platform.
  private func vectors(dimension: Int) -> [Float] {
    var random = SeededGenerator(seed: UInt64(dimension))
    return random.floats(count: 80 * dimension)
  }

  private func hex(_ hash: UInt64) -> String { String(format: "%016llx", hash) }

  @Test("codes of a seeded set are the same bytes on every instruction set", arguments: goldenChecksums)
  func checksums(golden: GoldenChecksum) throws {
    for (dimension, expected) in [(40, golden.dimension40), (100, golden.dimension100)] {
      let vectors = vectors(dimension: dimension)
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: golden.quantization), dimension: dimension, metric: golden.metric,
        on: vectors, seed: 17)
      let coded = CodedVectors(encoder, vectors)
      let bytes = golden.isRowsOnly ? Array(coded.bytes.prefix(80 * encoder.rowBytes)) : coded.bytes
      #expect(
        hex(FNV1a.hash(bytes)) == expected,
        "\(golden.quantization) \(golden.metric) \(dimension): \(KernelTable.best.name)")
    }
  }

  @Test("every code without learned directions has a checksum for every metric")
  func complete() {
    let wanted = Quantization.allCases.filter { $0 != .segmented }
    for quantization in wanted {
      #expect(goldenChecksums.count { $0.quantization == quantization } == Metric.allCases.count)
    }
  }

  @Test("level codes of version 2 still open, with the same meaning", arguments: goldenLevelEncoders)
  func encoders(golden: GoldenLevelEncoder) throws {
    let bytes = try #require(Data(base64Encoded: golden.base64))
    let encoder = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
    #expect(encoder.specification.quantization == golden.quantization && encoder.dimension == 40)
    #expect(Data(encoder.serialized()) == bytes)
    var random = SeededGenerator(seed: 99)
    let coded = CodedVectors(encoder, random.floats(count: 3 * 40))
    let rows = coded.bytes.prefix(3 * encoder.rowBytes).map { String(format: "%02x", $0) }.joined()
    #expect(rows == golden.rows)
    let scores = coded.scores(encoder.prepare(random.floats(count: 40)))
    #expect(scores.count == golden.scores.count)
    for (score, expected) in zip(scores, golden.scores) { #expect(abs(score - expected) < 2e-3) }
  }
}

struct GoldenChecksum: Sendable {
  var quantization: Quantization
  var metric: Metric
  var dimension40: String
  var dimension100: String

  /// ⟨x − c, c⟩ beside binary codes is a float32 sum, whose last bits differ.
  var isRowsOnly: Bool { quantization == .binary && metric != .squaredEuclidean }
}

struct GoldenLevelEncoder: Sendable {
  var quantization: Quantization
  var base64: String
  /// Rows of three vectors, hexadecimal.
  var rows: String
  var scores: [Float]
}
