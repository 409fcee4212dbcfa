import CMoultKernels
import MoultTesting

/// Codes of one width and their levels, as a test makes them up. Codes and queries are kept by dimension
/// here; how they lie in rows and blocks is written down once more, after the text of `kernels.h`.
struct ScanZone: Sendable {
  let bits: Int
  let segmentCount: Int
  let levels: [UInt8]  // level + 128

  var dimension: Int { segmentCount * 32 }
  var rowSizeBytes: Int { segmentCount * 4 * bits }
  /// Of the bits that lie together in natural order; what is missing is the high bit.
  var fieldBits: Int { bits == 3 || bits == 5 ? bits - 1 : bits }

  init(bits: Int, segmentCount: Int, levels: [UInt8]) {
    self.bits = bits
    self.segmentCount = segmentCount
    self.levels = levels
  }

  /// Any levels, the extremes among them; with 8 bits the code is the level.
  init(bits: Int, segmentCount: Int, random: inout SeededGenerator) {
    let levels = [0, 255] + random.bytes(count: 1 << bits).dropFirst(2)
    self.init(bits: bits, segmentCount: segmentCount, levels: bits == 8 ? Array(0...255) : levels)
  }

  /// Which dimension of a segment byte b of group g stands for.
  func dimension(group g: Int, byte b: Int) -> Int {
    switch bits {
    case 8: 4 * g + b
    case 4, 5: 8 * (g / 2) + 2 * b + g % 2
    case 2, 3: 16 * (g / 4) + 4 * b + g % 4
    default: 8 * b + g
    }
  }

  /// Bytes of one row from a code for each dimension.
  func pack(_ codes: [Int]) -> [UInt8] {
    (0..<segmentCount).flatMap { segment -> [UInt8] in
      var bytes = [UInt8](repeating: 0, count: 4 * bits)
      for j in 0..<32 {
        let field = codes[segment * 32 + j] & (1 << fieldBits - 1)
        bytes[j * fieldBits / 8] |= UInt8(field << (j * fieldBits % 8))
      }
      guard fieldBits < bits else { return bytes }
      for g in 0..<8 {
        for b in 0..<4 {
          let highBit = codes[segment * 32 + dimension(group: g, byte: b)] >> fieldBits
          bytes[4 * fieldBits + b] |= UInt8(highBit << g)
        }
      }
      return bytes
    }
  }

  func blockOrder(_ query: ArraySlice<Int8>) -> [Int8] {
    var ordered: [Int8] = []
    for segment in 0..<segmentCount {
      for g in 0..<8 {
        for b in 0..<4 {
          ordered.append(query[query.startIndex + segment * 32 + dimension(group: g, byte: b)])
        }
      }
    }
    return ordered
  }

  func rowOrder(_ query: ArraySlice<Int8>) -> [Int8] {
    let groupsPerWord = 8 / fieldBits
    var ordered = [Int8](repeating: 0, count: dimension)
    for segment in 0..<segmentCount {
      for g in 0..<8 {
        let wordCount = 8 / groupsPerWord
        let place =
          g % groupsPerWord * wordCount * segmentCount + segment * wordCount + g / groupsPerWord
        for b in 0..<4 {
          ordered[4 * place + b] = query[query.startIndex + segment * 32 + dimension(group: g, byte: b)]
        }
      }
    }
    return ordered
  }
}

extension [ScanZone] {
  var dimension: Int { reduce(0) { $0 + $1.dimension } }
  var rowSizeBytes: Int { reduce(0) { $0 + $1.rowSizeBytes } }

  func randomCodes(_ random: inout SeededGenerator) -> [Int] {
    flatMap { zone in (0..<zone.dimension).map { _ in Int(random.next() >> 32) & (1 << zone.bits - 1) } }
  }

  func pack(_ codes: [Int]) -> [UInt8] {
    slices(codes).flatMap { zone, part in zone.pack([Int](part)) }
  }

  func levels(_ codes: [Int]) -> [Int32] {
    slices(codes).flatMap { zone, part in part.map { Int32(zone.levels[$0]) } }
  }

  func blockOrder(_ query: [Int8]) -> [Int8] {
    slices(query).flatMap { zone, part in zone.blockOrder(part) }
  }

  func rowOrder(_ query: [Int8]) -> [Int8] {
    slices(query).flatMap { zone, part in zone.rowOrder(part) }
  }

  private func slices<Value>(_ values: [Value]) -> [(ScanZone, ArraySlice<Value>)] {
    var start = 0
    return map { zone in
      defer { start += zone.dimension }
      return (zone, values[start..<start + zone.dimension])
    }
  }
}

/// Zones in C, their levels in guarded memory.
struct GuardedZones {
  private let levels: [GuardedBuffer<UInt8>]
  let zones: GuardedBuffer<moult_zone>

  init(_ zones: [ScanZone]) {
    let levels = zones.map { GuardedBuffer($0.bits == 8 ? [] : $0.levels) }
    self.levels = levels
    self.zones = GuardedBuffer(
      zip(zones, levels).map { zone, levels in
        moult_zone(
          segments: UInt32(zone.segmentCount), bits: UInt32(zone.bits),
          levels: zone.bits == 8 ? nil : UnsafePointer(levels.pointer))
      })
  }
}

/// A plain loop over pointers: tests run unoptimized, and this is most of their time.
func exactDot(_ query: [Int8], _ levels: [Int32]) -> Int32 {
  precondition(query.count == levels.count)
  return query.withUnsafeBufferPointer { query in
    levels.withUnsafeBufferPointer { levels in
      var sum: Int32 = 0
      var j = 0
      while j < query.count {
        sum &+= Int32(query[j]) &* levels[j]
        j &+= 1
      }
      return sum
    }
  }
}

/// A hit by value, in an order of its own.
struct ScanHit: Hashable, Comparable, CustomStringConvertible {
  let query: Int
  let row: Int
  let scoreBits: UInt32

  var description: String { "query \(query), row \(row): \(Float(bitPattern: scoreBits))" }

  static func < (a: ScanHit, b: ScanHit) -> Bool { (a.query, a.row) < (b.query, b.row) }
}
