import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Linear transform format")
struct LinearTransformFormatTests {
  private static let down = LinearTransform(
    matrix: [0.5, -1, 2, 0.25, 3, -0.125], bias: [1, -2], inputDimension: 3, outputDimension: 2,
    isOrthonormal: false, normalizesInput: true,
    direction: TransformDirection(.queries, from: .newModel, to: .oldModel))
  private static let up = LinearTransform(
    matrix: [0, 1, 1, 0, 0, 0], inputDimension: 2, outputDimension: 3, isOrthonormal: true)
  private static let pair = AsymmetricTransform(
    documents: LinearTransform(
      matrix: [1, 2, 3, 4], inputDimension: 2, outputDimension: 2, isOrthonormal: false,
      direction: TransformDirection(.documents, from: .collection, to: .code)),
    queries: LinearTransform(
      matrix: [5, 6, 7, 8], bias: [9, 10], inputDimension: 2, outputDimension: 2, isOrthonormal: false,
      direction: TransformDirection(.queries, from: .collection, to: .code)))

  private func read(_ bytes: [UInt8], isPair: Bool = false) -> MoultError? {
    do {
      try bytes.withUnsafeBytes { bytes in
        if isPair {
          _ = try AsymmetricTransform(serialized: bytes)
        } else {
          _ = try LinearTransform(serialized: bytes)
        }
      }
      return nil
    } catch {
      return error as? MoultError
    }
  }

  private func sealed(_ bytes: [UInt8]) -> [UInt8] {
    let hash = FNV1a.hash(bytes[..<(bytes.count - 8)])
    return bytes[..<(bytes.count - 8)] + withUnsafeBytes(of: hash.littleEndian, Array.init)
  }

  private func isSame(_ a: LinearTransform, _ b: LinearTransform) -> Bool {
    a.matrix.values == b.matrix.values && a.bias?.values == b.bias?.values && a.direction == b.direction
      && a.inputDimension == b.inputDimension && a.outputDimension == b.outputDimension
      && a.isOrthonormal == b.isOrthonormal && a.normalizesInput == b.normalizesInput
  }

  @Test("what is written is read, in every direction")
  func roundTrip() throws {
    for side in TransformSide.allCases {
      for source in VectorSpace.allCases {
        for target in VectorSpace.allCases {
          let transform = LinearTransform(
            matrix: [1, 2], inputDimension: 2, outputDimension: 1, isOrthonormal: false,
            direction: TransformDirection(side, from: source, to: target))
          let read = try transform.serialized().withUnsafeBytes { try LinearTransform(serialized: $0) }
          #expect(isSame(read, transform))
        }
      }
    }
    for transform in [LinearTransformFormatTests.down, LinearTransformFormatTests.up] {
      let read = try transform.serialized().withUnsafeBytes { try LinearTransform(serialized: $0) }
      #expect(isSame(read, transform))
    }
    let pair = LinearTransformFormatTests.pair
    let read = try pair.serialized().withUnsafeBytes { try AsymmetricTransform(serialized: $0) }
    #expect(isSame(read.documents, pair.documents) && isSame(read.queries, pair.queries))
  }

  @Test("cut off anywhere, or too long, it is corrupted, with the place")
  func truncated() {
    let transforms = [
      (LinearTransformFormatTests.down.serialized(), false),
      (LinearTransformFormatTests.up.serialized(), false),
      (LinearTransformFormatTests.pair.serialized(), true),
    ]
    for (bytes, isPair) in transforms {
      for count in 0..<bytes.count {
        let error = read(Array(bytes[..<count]), isPair: isPair)
        #expect(error?.code == .corrupted)
        #expect(error?.message.contains("transform is damaged") == true)
        #expect(error?.message.contains("of \(count))") == true)
      }
      #expect(read(bytes + [0], isPair: isPair)?.code == .corrupted)
      #expect(read(sealed(bytes + [0]), isPair: isPair)?.code == .corrupted)
      #expect(read(bytes, isPair: !isPair)?.code == .corrupted)
    }
  }

  @Test("with any bit flipped it is corrupted, or of a newer version")
  func bitFlips() {
    let transforms = [
      (LinearTransformFormatTests.down.serialized(), false),
      (LinearTransformFormatTests.pair.serialized(), true),
    ]
    for (bytes, isPair) in transforms {
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        let code = read(damaged, isPair: isPair)?.code
        #expect(code == .corrupted || ((8..<12).contains(bit / 8) && code == .unsupportedVersion))
      }
    }
  }

  /// A checksum keeps accidents out; values made to fit it must not crash either.
  @Test(
    "a header field out of range is corrupted, with its name, though the checksum is right",
    arguments: [
      (8, [0, 0, 0, 0], "version"), (12, [3], "side"), (13, [4], "source space"),
      (14, [255], "target space"), (15, [8], "flags"), (16, [0, 0, 0, 0], "input dimension"),
      (16, [1, 128, 0, 0], "input dimension"), (16, [255, 255, 255, 255], "input dimension"),
      (20, [0, 0, 0, 0], "output dimension"), (20, [1, 128, 0, 0], "output dimension"),
      (16, [0, 128, 0, 0], "matrix"), (24, [7, 0, 0, 0], "matrix"),
      (24, [255, 255, 255, 255], "matrix"), (28, [0, 0, 128, 127], "matrix"),
      (28, [1, 0, 128, 255], "matrix"), (52, [3, 0, 0, 0], "bias"), (56, [0, 0, 192, 127], "bias"),
    ] as [(Int, [UInt8], String)])
  func forgedFields(offset: Int, field: [UInt8], name: String) throws {
    var bytes = LinearTransformFormatTests.down.serialized()
    bytes.replaceSubrange(offset..<offset + field.count, with: field)
    let error = try #require(read(sealed(bytes)))
    #expect(error.code == .corrupted)
    #expect(error.message.contains(name) && error.message.contains("(byte "), "\(error.message)")
  }

  @Test("a pair whose sides do not belong together is corrupted")
  func forgedPair() {
    let bytes = LinearTransformFormatTests.pair.serialized()
    // Of the queries' body: its side, its target space.
    let queries = 12 + 12 + 4 + 16
    for (offset, value) in [(12, 2), (queries, 1), (queries + 2, 3)] as [(Int, UInt8)] {
      var forged = bytes
      forged[offset] = value
      #expect(read(sealed(forged), isPair: true)?.code == .corrupted)
    }
  }

  @Test("foreign bytes are corrupted", arguments: ["", "MOULTLIN", "MOULTENC", "SQLite format 3\u{0}"])
  func foreign(text: String) {
    #expect(read(Array(text.utf8))?.code == .corrupted)
    #expect(read(Array(text.utf8) + [UInt8](repeating: 0, count: 99))?.code == .corrupted)
  }

  @Test("version 1 still opens, with the same meaning")
  func golden() throws {
    let bytes = try #require(Data(base64Encoded: goldenLinearTransform))
    let transform = try bytes.withUnsafeBytes { try LinearTransform(serialized: $0) }
    #expect(isSame(transform, LinearTransformFormatTests.down))
    #expect(Data(transform.serialized()) == bytes)
    let pairBytes = try #require(Data(base64Encoded: goldenAsymmetricTransform))
    let pair = try pairBytes.withUnsafeBytes { try AsymmetricTransform(serialized: $0) }
    #expect(isSame(pair.documents, LinearTransformFormatTests.pair.documents))
    #expect(isSame(pair.queries, LinearTransformFormatTests.pair.queries))
    #expect(Data(pair.serialized()) == pairBytes)
  }
}

/// Written by version 1; never to be changed.
private let goldenLinearTransform = """
  TU9VTFRMSU4BAAAAAgMCBgMAAAACAAAABgAAAAAAAD8AAIC/AAAAQAAAgD4AAEBAAAAAvgIAAAAAAIA/AAAAwOViy59zi/mO
  """
private let goldenAsymmetricTransform = """
  TU9VTFRBU1kBAAAAAQABAAIAAAACAAAABAAAAAAAgD8AAABAAABAQAAAgEACAAECAgAAAAIAAAAEAAAAAACgQAAAwEAAAOBAAAAA\
  QQIAAAAAABBBAAAgQZsCfB8kCyVN
  """
