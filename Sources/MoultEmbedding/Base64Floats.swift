/// Little-endian float32 in base64 (RFC 4648), as OpenAI writes them.
enum Base64Floats {
  /// Set in what a character stands for that belongs to no base64.
  private static let invalid: UInt32 = 1 << 31

  /// For each place in a group of four and each character its bits, where they stand in three bytes, the first one lowest.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: invalid, count: 4 * 256)
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for (value, byte) in alphabet.utf8.enumerated() {
      for place in 0..<4 {
        tables[256 * place + Int(byte)] = (UInt32(value) << UInt32(8 + 18 - 6 * place)).byteSwapped
      }
    }
    return tables
  }()

  /// - Returns: `nil` for what is no base64, or no whole number of floats.
  static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [Float]? {
    var count = text.count
    while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
    let byteCount = count / 4 * 3 + max(0, count % 4 - 1)
    // A single character left over holds no byte.
    guard byteCount % 4 == 0, count % 4 != 1, byteCount > 0 else { return count == 0 ? [] : nil }
    var seen: UInt32 = 0
    let floats = [Float](unsafeUninitializedCapacity: byteCount / 4) { floats, initialized in
      let bytes = UnsafeMutableRawPointer(floats.baseAddress!)
      tables.withUnsafeBufferPointer { tables in
        let (first, text) = (tables.baseAddress!, text.baseAddress!)
        let (second, third, fourth) = (first + 256, first + 512, first + 768)
        // Four bytes are written for three; the last group has no room for that.
        let whole = (count - 1) / 4
        for group in 0..<whole {
          let at = text + 4 * group
          let word = first[Int(at[0])] | second[Int(at[1])] | third[Int(at[2])] | fourth[Int(at[3])]
          seen |= word
          bytes.storeBytes(of: word.littleEndian, toByteOffset: 3 * group, as: UInt32.self)
        }
        var word: UInt32 = 0
        for place in 0..<count - 4 * whole { word |= tables[256 * place + Int(text[4 * whole + place])] }
        seen |= word
        for place in 3 * whole..<byteCount {
          bytes.storeBytes(
            of: UInt8(truncatingIfNeeded: word >> UInt32(8 * (place - 3 * whole))), toByteOffset: place,
            as: UInt8.self)
        }
      }
      for index in 0..<byteCount / 4 {
        floats[index] = Float(bitPattern: UInt32(littleEndian: floats[index].bitPattern))
      }
      initialized = byteCount / 4
    }
    return seen & invalid == 0 ? floats : nil
  }
}
