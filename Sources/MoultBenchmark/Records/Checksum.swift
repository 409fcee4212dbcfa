package import MoultModel

/// FNV-1a over 64 bits: tells equal results from different ones; no protection against intent.
package struct Checksum: Sendable {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  package init() {}

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
  }

  package mutating func add(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { add($0) }
  }

  /// Ids of each query in order.
  package static func of(_ results: [[Int64]]) -> String {
    var checksum = Checksum()
    for ids in results {
      checksum.add(Int64(ids.count))
      for id in ids { checksum.add(id) }
    }
    return checksum.text
  }

  /// Of the ids that each query found, in their order.
  package static func of(ids found: [[PointID]]) -> String {
    of(found.map { $0.map(number) })
  }

  private static func number(_ id: PointID) -> Int64 {
    switch id {
    case .int64(let value): return value
    case .string(let text):
      var checksum = Checksum()
      Array(text.utf8).withUnsafeBytes { checksum.add($0) }
      return Int64(bitPattern: checksum.state)
    }
  }

  /// 16 hexadecimal digits.
  package var text: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
