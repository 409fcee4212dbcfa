internal import MoultModel

/// How the codes of one vector lie in its row: zones of dimensions with codes of equal width, in segments of
/// 32 dimensions. `moult_zone` in `kernels.h` tells the order of the bits.
///
/// Dimensions beyond a vector's own fill the last segment; their weights are 0 in every query.
final class CodeLayout: Sendable {
  /// A run of segments whose codes are `bits` wide.
  struct Zone: Sendable, Equatable {
    /// Of 32 dimensions each, at least 1.
    var segments: Int
    /// 1, 2, 3, 4, 5 or 8.
    var bits: Int

    var dimensions: Int { CodeLayout.segmentDimension * segments }
    var rowBytes: Int { 4 * bits * segments }

    /// Groups of four dimensions that share a 4-byte word of the low plane: 8, 4, 2 or 1.
    var groupsPerWord: Int {
      switch bits {
      case 1: 8
      case 2, 3: 4
      case 4, 5: 2
      default: 1
      }
    }
  }

  static let segmentDimension = 32
  static let widths = [1, 2, 3, 4, 5, 8]

  let zones: [Zone]
  /// The signed levels of each zone's codes, `2^bits` of them; empty for 8 bits, whose level is code − 128.
  let levels: [[Int8]]
  /// Entries of a vector, filled up to whole segments.
  let dimension: Int
  let rowBytes: Int
  /// The zones as the kernels read them, and the levels they point to.
  let kernelZones: KernelZones

  init(zones: [Zone], levels: [[Int8]]) {
    precondition(!zones.isEmpty && zones.count == levels.count)
    for (zone, levels) in zip(zones, levels) {
      precondition(zone.segments > 0 && CodeLayout.widths.contains(zone.bits))
      precondition(levels.count == (zone.bits == 8 ? 0 : 1 << zone.bits))
    }
    self.zones = zones
    self.levels = levels
    dimension = zones.reduce(0) { $0 + $1.dimensions }
    rowBytes = zones.reduce(0) { $0 + $1.rowBytes }
    kernelZones = KernelZones(zones: zones, levels: levels)
  }

  /// The zones `range` as a layout of their own.
  func slice(_ range: Range<Int>) -> CodeLayout {
    CodeLayout(zones: Array(zones[range]), levels: Array(levels[range]))
  }

  /// The same rows with neighbouring zones of one width made one.
  var merged: CodeLayout {
    var zones: [Zone] = []
    var levels: [[Int8]] = []
    for (zone, own) in zip(self.zones, self.levels) {
      if let last = zones.last, last.bits == zone.bits, levels.last == own {
        zones[zones.count - 1].segments += zone.segments
      } else {
        zones.append(zone)
        levels.append(own)
      }
    }
    return CodeLayout(zones: zones, levels: levels)
  }

  /// Segments that hold `dimension` entries.
  static func segments(_ dimension: Int) -> Int {
    (dimension + segmentDimension - 1) / segmentDimension
  }

  /// The dimension, within its segment, of byte `byte` (0 … 3) of group `group` (0 … 7).
  static func dimension(group: Int, byte: Int, bits: Int) -> Int {
    switch bits {
    case 1: 8 * byte + group
    case 2, 3: 16 * (group / 4) + 4 * byte + group % 4
    case 4, 5: 8 * (group / 2) + 2 * byte + group % 2
    default: 4 * group + byte
    }
  }

  // MARK: Orders of a query's weights

  /// `weights`, one a dimension, in block order: the four of group 0, of group 1 …
  func writeBlockOrder(_ weights: UnsafePointer<Int8>, to target: UnsafeMutablePointer<Int8>) {
    write(weights, to: target) { zone, segment, group in 8 * segment + group }
  }

  /// `weights` in row order: per zone first the groups that share the lowest bits of all words, and so on.
  func writeRowOrder(_ weights: UnsafePointer<Int8>, to target: UnsafeMutablePointer<Int8>) {
    write(weights, to: target) { zone, segment, group in
      let fields = zone.groupsPerWord
      let words = 8 / fields
      return (group % fields) * words * zone.segments + segment * words + group / fields
    }
  }

  private func write(
    _ weights: UnsafePointer<Int8>, to target: UnsafeMutablePointer<Int8>,
    place: (_ zone: Zone, _ segment: Int, _ group: Int) -> Int
  ) {
    var start = 0
    for number in 0..<zones.count {
      let zone = zones[number]
      for segment in 0..<zone.segments {
        for group in 0..<8 {
          let at = target + start + 4 * place(zone, segment, group)
          for byte in 0..<4 {
            let dimension = CodeLayout.dimension(group: group, byte: byte, bits: zone.bits)
            at[byte] = weights[start + 32 * segment + dimension]
          }
        }
      }
      start += zone.dimensions
    }
  }

  // MARK: Reading a row

  /// The signed levels of a row, one a dimension.
  func readLevels(_ row: UnsafeRawPointer, into target: UnsafeMutablePointer<Int8>) {
    var source = row.assumingMemoryBound(to: UInt8.self)
    var start = 0
    for (zone, levels) in zip(zones, levels) {
      for _ in 0..<zone.segments {
        for group in 0..<8 {
          for byte in 0..<4 {
            let code = CodeLayout.code(source, group: group, byte: byte, bits: zone.bits)
            target[start + CodeLayout.dimension(group: group, byte: byte, bits: zone.bits)] =
              zone.bits == 8 ? Int8(truncatingIfNeeded: Int(code) - 128) : levels[Int(code)]
          }
        }
        source += 4 * zone.bits
        start += CodeLayout.segmentDimension
      }
    }
  }

  private static func code(_ segment: UnsafePointer<UInt8>, group: Int, byte: Int, bits: Int) -> UInt8 {
    switch bits {
    case 1: return segment[byte] >> UInt8(group) & 1
    case 2: return segment[4 * (group / 4) + byte] >> UInt8(2 * (group % 4)) & 3
    case 3:
      let low = segment[4 * (group / 4) + byte] >> UInt8(2 * (group % 4)) & 3
      return low | (segment[8 + byte] >> UInt8(group) & 1) << 2
    case 4: return segment[4 * (group / 2) + byte] >> UInt8(4 * (group % 2)) & 15
    case 5:
      let low = segment[4 * (group / 2) + byte] >> UInt8(4 * (group % 2)) & 15
      return low | (segment[16 + byte] >> UInt8(group) & 1) << 4
    default: return segment[4 * group + byte]
    }
  }
}
