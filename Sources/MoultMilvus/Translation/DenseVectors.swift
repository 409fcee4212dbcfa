internal import Foundation
internal import MoultModel

/// Vectors of the dense types as bytes on the wire, and as the float32 numbers that they stand for.
///
/// Whatever a value's type can hold is kept exactly: what comes as bytes goes out as the same bytes.
enum DenseVectors {
  /// Bytes of one entry.
  static func entryBytes(_ type: MilvusType) -> Int {
    switch type {
    case .float16Vector, .bfloat16Vector: 2
    case .int8Vector: 1
    default: 4
    }
  }

  /// - Parameter bytes: little-endian, a whole number of entries.
  static func floats(_ bytes: Data, _ type: MilvusType) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      let count = bytes.count / entryBytes(type)
      func bits16(_ place: Int) -> UInt16 {
        UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self))
      }
      return [Float](unsafeUninitializedCapacity: count) { floats, initialized in
        switch type {
        case .float16Vector:
          for place in 0..<count { floats[place] = Half.widened(bits16(place)) }
        case .bfloat16Vector:
          for place in 0..<count { floats[place] = Float(bitPattern: UInt32(bits16(place)) << 16) }
        case .int8Vector:
          for place in 0..<count { floats[place] = Float(Int8(bitPattern: bytes[place])) }
        default:
          for place in 0..<count {
            floats[place] = Float(
              bitPattern: UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: place * 4, as: UInt32.self)))
          }
        }
        initialized = count
      }
    }
  }

  /// The reverse of ``floats(_:_:)`` for numbers that the type can hold; others (Moult's own API checks no types of Milvus)
  /// become the nearest one.
  static func bytes(_ floats: some Sequence<Float>, _ type: MilvusType) -> Data {
    var data = Data()
    for float in floats {
      switch type {
      case .float16Vector: append(Half.narrowed(float), to: &data)
      case .bfloat16Vector: append(UInt16(truncatingIfNeeded: float.bitPattern >> 16), to: &data)
      case .int8Vector:
        data.append(UInt8(bitPattern: Int8(max(-128, min(127, float.rounded(.toNearestOrEven))))))
      default: append(float.bitPattern, to: &data)
      }
    }
    return data
  }

  private static func append(_ value: some FixedWidthInteger, to data: inout Data) {
    withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
  }

  /// A number that came as text, as the nearest one of the type; `nil` for one that does not fit.
  static func nearest(_ float: Float, _ type: MilvusType) -> Float? {
    switch type {
    case .float16Vector:
      let half = Half.widened(Half.narrowed(float))
      return half.isFinite ? half : nil
    case .bfloat16Vector:
      guard float.isFinite else { return nil }
      // To the nearest, ties to even: the upper half of the bits.
      let bits = float.bitPattern
      let rounded = Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
      return rounded.isFinite ? rounded : nil
    case .int8Vector: return Float(Int8(exactly: float) ?? 0) == float ? float : nil
    default: return float
    }
  }
}
