/// Appends little-endian numbers.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ source: some Sequence<UInt8>) { bytes.append(contentsOf: source) }

  mutating func integer(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func float(_ value: Float) { integer(value.bitPattern) }
  mutating func double(_ value: Double) { integer(value.bitPattern) }

  /// The count as u32, then the values.
  mutating func floats(_ values: FloatBuffer) {
    integer(UInt32(values.count))
    for i in 0..<values.count { float(values.pointer[i]) }
  }
}
