import Foundation
import Testing

@testable import MoultMilvus

/// Each type of entry against Swift's own, or its definition.
@Suite("Milvus: dense vectors as bytes")
struct DenseVectorsTests {
  @Test(
    "every 16-bit pattern comes back as the same bytes",
    arguments: [MilvusType.float16Vector, .bfloat16Vector])
  func patterns(type: MilvusType) {
    var data = Data()
    for bits in UInt16.min...UInt16.max {
      withUnsafeBytes(of: bits.littleEndian) { data.append(contentsOf: $0) }
    }
    let floats = DenseVectors.floats(data, type)
    #expect(floats.count == 65_536)
    for (bits, float) in zip(UInt16.min...UInt16.max, floats) {
      let expected =
        type == .float16Vector ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
      if float != expected, !(float.isNaN && expected.isNaN) {
        Issue.record("\(bits): \(float), not \(expected)")
      }
    }
    #expect(DenseVectors.bytes(floats, type) == data)
  }

  @Test("bytes of int8 are numbers from −128 to 127, and back")
  func int8() {
    let data = Data(0...255)
    let floats = DenseVectors.floats(data, .int8Vector)
    #expect(floats == (0...127).map(Float.init) + (-128 ... -1).map(Float.init))
    #expect(DenseVectors.bytes(floats, .int8Vector) == data)
    #expect(DenseVectors.bytes([300, -300, 0.6], .int8Vector) == Data([127, 128, 1]))
  }

  @Test("a number that comes as text becomes the nearest one of its type, or none")
  func nearest() {
    #expect(DenseVectors.nearest(0.1, .float16Vector) == Float(Float16(0.1)))
    #expect(DenseVectors.nearest(65_519, .float16Vector) == 65_504)
    #expect(DenseVectors.nearest(65_520, .float16Vector) == nil)
    #expect(DenseVectors.nearest(1 + 1 / 256, .bfloat16Vector) == 1)  // a tie: to the even one
    #expect(DenseVectors.nearest(1 + 3 / 256, .bfloat16Vector) == 1.015625)
    #expect(DenseVectors.nearest(.greatestFiniteMagnitude, .bfloat16Vector) == nil)
    #expect(DenseVectors.nearest(-128, .int8Vector) == -128)
    #expect(DenseVectors.nearest(128, .int8Vector) == nil)
    #expect(DenseVectors.nearest(0.5, .int8Vector) == nil)
  }

  @Test("floats that lie anywhere in memory are read whole")
  func unaligned() {
    let bytes = DenseVectors.bytes([1.5, -2.25], .floatVector)
    #expect(DenseVectors.floats((Data([7]) + bytes).dropFirst(), .floatVector) == [1.5, -2.25])
  }
}
