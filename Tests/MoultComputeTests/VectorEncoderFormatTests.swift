import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Encoder format")
struct VectorEncoderFormatTests {
  private func encoders() throws -> [VectorEncoder] {
    var random = SeededGenerator(seed: 1)
    let vectors = random.gaussianFloats(count: 30 * 6)
    return try Metric.allCases.flatMap { metric in
      try allSpecifications(dimension: 6).map {
        try VectorEncoder.trained($0, dimension: 6, metric: metric, on: vectors)
      }
    }
  }

  private func read(_ bytes: [UInt8]) -> MoultError.Code? {
    do {
      _ = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  @Test("cut off anywhere it is corrupted")
  func truncated() throws {
    for encoder in try encoders() {
      let bytes = encoder.serialized()
      for count in 0..<bytes.count { #expect(read(Array(bytes[..<count])) == .corrupted) }
      #expect(read(bytes + [0]) == .corrupted)
    }
  }

  @Test("with any bit flipped it is corrupted, or of a newer version")
  func bitFlips() throws {
    for encoder in try encoders() {
      let bytes = encoder.serialized()
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        let code = read(damaged)
        #expect(code == .corrupted || ((8..<12).contains(bit / 8) && code == .unsupportedVersion))
      }
    }
  }

  /// A checksum keeps accidents out; values made to fit it must not crash either.
  @Test("forged bytes with a right checksum are refused or make a working encoder")
  func forged() throws {
    var random = SeededGenerator(seed: 2)
    for encoder in try encoders() {
      let bytes = encoder.serialized()
      for _ in 0..<300 {
        var forged = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let index = Int.random(in: 12..<bytes.count - 8, using: &random)
          forged[index] = [0, 1, 2, 3, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
        }
        let hash = FNV1a.hash(forged[..<(forged.count - 8)])
        forged.replaceSubrange(
          (forged.count - 8)..., with: withUnsafeBytes(of: hash.littleEndian, Array.init))
        guard let read = try? forged.withUnsafeBytes({ try VectorEncoder(serialized: $0) }) else { continue }
        let coded = CodedVectors(read, [Float](repeating: 0.5, count: 2 * read.dimension))
        _ = coded.scores(read.prepare([Float](repeating: 1, count: read.dimension)))
      }
    }
  }

  @Test("foreign bytes are corrupted", arguments: ["", "MOULT", "SQLite format 3\u{0}", "MOULTENC"])
  func foreign(text: String) {
    #expect(read(Array(text.utf8)) == .corrupted)
    #expect(read(Array(text.utf8) + [UInt8](repeating: 0, count: 200)) == .corrupted)
  }

  @Test("version 1 still opens, with the same meaning", arguments: goldenEncoders)
  func goldenOfVersion1(file: GoldenEncoder) throws { try golden(file) }

  @Test("version 2 still opens, with the same meaning", arguments: goldenEncodersOfVersion2)
  func goldenOfVersion2(file: GoldenEncoder) throws { try golden(file) }

  private func golden(_ file: GoldenEncoder) throws {
    let bytes = try #require(Data(base64Encoded: file.base64))
    let encoder = try bytes.withUnsafeBytes { try VectorEncoder(serialized: $0) }
    #expect(encoder.dimension == 5 && encoder.specification.quantization == file.quantization)
    #expect(Data(encoder.serialized()) == bytes)
    let coded = CodedVectors(encoder, goldenVectors)
    let rows = coded.bytes.prefix(2 * encoder.rowBytes)
    #expect(rows.map { String(format: "%02x", $0) }.joined() == file.rows)
    let scores = coded.scores(encoder.prepare([1, 0.5, -1, 2, 0.25]))
    for (score, expected) in zip(scores, file.scores) { #expect(abs(score - expected) < 1e-4) }
  }
}

/// Two vectors of five entries.
let goldenVectors: [Float] = [0.5, -1, 2, 0.25, -0.125, 3, 1, -1, 0, 0.5]

struct GoldenEncoder: Sendable {
  var quantization: Quantization
  var base64: String
  /// Rows of `goldenVectors`, hexadecimal.
  var rows: String
  /// Scores of both rows for the query (1, 0.5, −1, 2, 0.25).
  var scores: [Float]
}

/// Written by version 1; never to be changed.
let goldenEncoders = [
  GoldenEncoder(
    quantization: .none,
    base64: """
      TU9VTFRFTkMBAAAAAQAAAAUAAAAFAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H8oAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H99+jBG\
      YsVNhw==
      """,
    rows: "0000003f000080bf000000400000803e000000be000040400000803f000080bf000000000000003f",
    scores: [-1.53125, 4.62500]),
  GoldenEncoder(
    quantization: .int8,
    base64: """
      TU9VTFRFTkMBAAAAAAEAAQUAAAAFAAAAAAAAABAAAACAAAAAAAAAAAAA+H8oAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H8g4fk7\
      BQAAAHAThzxwE4c8cBOHPHAThzxwE4c8qHmsKBtB5Is=
      """,
    rows: "9a45ef8c77f3a5577e91",
    scores: [-0.26440, 0.54938]),
  GoldenEncoder(
    quantization: .binary,
    base64: """
      TU9VTFRFTkMBAAAAAgIBAAUAAAAEAAAABAAAAAAAAAAAAAAAAAAAAAAACEAoAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H/BXAKJ\
      7C0KkQQAAADotiW9gUUAvi+mgDuNi7Q9VHFWUSm1oHE=
      """,
    rows: "8fb7dee98dc1f3c21f7dbbdbb2db8e6c",
    scores: [-14.17728, -6.81661]),
  GoldenEncoder(
    quantization: .int8,
    base64: """
      TU9VTFRFTkMBAAAAAgECAAUAAAADAAAAAwAAAAAAAAAAAAAAAAAAAAAA+H8oAAAAAAAAAAAAAAAAAAAAFc85ZwPT5z8PAAAA\
      g59JPlimmz69sky+6JhQP5zpzz5XjlE/Y27FPT3G2D4S8Ia+8k6JPs6Gmb55pxi/E5mcPoIEAz2LnS0/AwAAAHsLjzs4dLA9\
      fDorvbVEkzwDAAAAQBj7vEAY+7xAGPu8+W+69LSJ5qs=
      """,
    rows: "69c1b6caff2e",
    scores: [-11.31609, -6.36342]),
  GoldenEncoder(
    quantization: .binary,
    base64: """
      TU9VTFRFTkMBAAAAAQICAAUAAAADAAAAAwAAAAAAAAAAAAAAAAAAAAAA+H8oAAAAAAAAAAAAAAAAAAAAFc85ZwPT5z8PAAAA\
      g59JPlimmz69sky+6JhQP5zpzz5XjlE/Y27FPT3G2D4S8Ia+8k6JPs6Gmb55pxi/E5mcPoIEAz2LnS0/AAAAAMFcAonsLQqR\
      AwAAAGoLj7s1dLC9fTorPTrIQTQbVhZn
      """,
    rows: "0d088420b63a69181d4c3b1ab2ba0e2c",
    scores: [-1.47951, 3.80162]),
]
