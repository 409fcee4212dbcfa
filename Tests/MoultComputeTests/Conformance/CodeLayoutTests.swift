import MoultTesting
import Testing

@testable import MoultCompute

/// `CodeLayout` and the kernels against a reading of their own of what `kernels.h` says of `moult_zone`.
@Suite("Code layout")
struct CodeLayoutTests {
  /// The code of dimension `j` of a zone of one width: fields lie in natural order, low bits first; the high
  /// bit of 3 and 5 bits lies in the segment's last four bytes.
  private func code(_ zone: ArraySlice<UInt8>, bits: Int, _ j: Int) -> Int {
    let zone = Array(zone)
    let segment = j / 32 * 4 * bits
    let place = j % 32
    let field = [1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 8: 8][bits]!
    let byte = Int(zone[segment + place * field / 8])
    var code = byte >> (place * field % 8) & ((1 << field) - 1)
    if bits == 3 || bits == 5 {
      let (group, lane) = group(bits: bits, of: place)
      code |= (Int(zone[segment + 4 * bits - 4 + lane]) >> group & 1) << field
    }
    return code
  }

  /// Group and byte of a dimension, by going through the table in `kernels.h`.
  private func group(bits: Int, of place: Int) -> (group: Int, byte: Int) {
    for g in 0..<8 {
      for b in 0..<4 {
        let dimension =
          switch bits {
          case 8: 4 * g + b
          case 4, 5: 8 * (g / 2) + 2 * b + g % 2
          case 2, 3: 16 * (g / 4) + 4 * b + g % 4
          default: 8 * b + g
          }
        if dimension == place { return (g, b) }
      }
    }
    fatalError("no group has dimension \(place)")
  }

  private func layout(_ zones: [(segments: Int, bits: Int)], random: inout SeededGenerator) -> CodeLayout {
    CodeLayout(
      zones: zones.map { CodeLayout.Zone(segments: $0.segments, bits: $0.bits) },
      levels: zones.map { $0.bits == 8 ? [] : random.int8s(count: 1 << $0.bits) })
  }

  private static let shapes: [[(segments: Int, bits: Int)]] =
    CodeLayout.widths.flatMap { [[(1, $0)], [(3, $0)]] } + [
      [(1, 8), (2, 5), (1, 4), (3, 3), (2, 2), (5, 1)], [(2, 4), (1, 4), (2, 2)],
    ]

  private func expectedLevels(_ layout: CodeLayout, _ row: [UInt8]) -> [Int8] {
    var levels: [Int8] = []
    var start = 0
    for (zone, table) in zip(layout.zones, layout.levels) {
      let bytes = row[start..<start + zone.rowBytes]
      for j in 0..<zone.dimensions {
        let code = code(bytes, bits: zone.bits, j)
        levels.append(zone.bits == 8 ? Int8(code - 128) : table[code])
      }
      start += zone.rowBytes
    }
    return levels
  }

  @Test("rows are read as kernels.h tells", arguments: shapes.indices)
  func readsRows(shape: Int) {
    var random = SeededGenerator(seed: UInt64(shape))
    let layout = layout(CodeLayoutTests.shapes[shape], random: &random)
    #expect(layout.rowBytes == CodeLayoutTests.shapes[shape].reduce(0) { $0 + 4 * $1.segments * $1.bits })
    for _ in 0..<10 {
      let row = random.bytes(count: layout.rowBytes)
      var levels = [Int8](repeating: 0, count: layout.dimension)
      layout.readLevels(row, into: &levels)
      #expect(levels == expectedLevels(layout, row))
    }
  }

  @Test("block order is the groups in order, row order what kernels.h tells", arguments: shapes.indices)
  func orders(shape: Int) {
    var random = SeededGenerator(seed: UInt64(shape))
    let layout = layout(CodeLayoutTests.shapes[shape], random: &random)
    let weights = random.int8s(count: layout.dimension)
    var (block, row) = ([Int8](repeating: 0, count: layout.dimension), weights)
    layout.writeBlockOrder(weights, to: &block)
    layout.writeRowOrder(weights, to: &row)
    var start = 0
    for zone in layout.zones {
      let fields = [1: 8, 2: 4, 3: 4, 4: 2, 5: 2, 8: 1][zone.bits]!
      for j in 0..<zone.dimensions {
        let (group, byte) = group(bits: zone.bits, of: j % 32)
        let segment = j / 32
        #expect(block[start + 32 * segment + 4 * group + byte] == weights[start + j])
        let place = (group % fields) * (8 / fields) * zone.segments + segment * (8 / fields) + group / fields
        #expect(row[start + 4 * place + byte] == weights[start + j])
      }
      start += zone.dimensions
    }
  }

  @Test("the row kernel sums weights times levels", arguments: shapes.indices)
  func rowSums(shape: Int) {
    var random = SeededGenerator(seed: UInt64(shape))
    let layout = layout(CodeLayoutTests.shapes[shape], random: &random)
    let weights = random.int8s(count: layout.dimension)
    var ordered = weights
    layout.writeRowOrder(weights, to: &ordered)
    let rows = random.bytes(count: 5 * layout.rowBytes)
    var sums = [Int32](repeating: 0, count: 5)
    KernelTable.best.levelDotRows(
      layout.kernelZones.zones, layout.kernelZones.count, ordered, rows, layout.rowBytes, nil, 5, &sums)
    for i in 0..<5 {
      let levels = expectedLevels(layout, Array(rows[i * layout.rowBytes..<(i + 1) * layout.rowBytes]))
      let sum = zip(weights, levels).reduce(0) { $0 + Int($1.0) * (Int($1.1) + 128) }
      #expect(Int(sums[i]) == sum)
    }
  }

  @Test("what the encoder packs is read back", arguments: CodeLayout.widths)
  func packs(bits: Int) {
    var random = SeededGenerator(seed: UInt64(bits))
    let count = 160
    // Thresholds 0.5, 1.5 …: the code of a whole number is itself.
    let codes = (0..<count).map { _ in Int.random(in: (bits == 8 ? 1 : 0)..<1 << bits, using: &random) }
    let table = LevelTable(
      bits: bits, unit: 1, levels: bits == 8 ? [] : (0..<1 << bits).map { Int8($0 - 5) },
      thresholds: bits == 8 ? [] : (1..<1 << bits).map { Float($0) - 0.5 }, distortion: 0)
    let coders = LevelCoders(tables: [table])
    var row = [UInt8](repeating: 0xEE, count: count / 8 * bits)
    var (dot, square): (Float, Int64) = (0, 0)
    KernelTable.best.encodeLevels(
      codes.map { Float(bits == 8 ? $0 - 128 : $0) }, 1, count, coders.pointer(0), &row, &dot, &square)
    #expect((0..<count).map { code(row[...], bits: bits, $0) } == codes)
    let layout = CodeLayout(
      zones: [CodeLayout.Zone(segments: count / 32, bits: bits)], levels: [table.levels])
    var levels = [Int8](repeating: 0, count: count)
    layout.readLevels(row, into: &levels)
    #expect(levels.map(Int.init) == codes.map { bits == 8 ? $0 - 128 : $0 - 5 })
    #expect(square == levels.reduce(0) { $0 + Int64($1) * Int64($1) })
  }

  @Test("slices are the zones themselves")
  func slices() {
    var random = SeededGenerator(seed: 1)
    let whole = layout([(1, 8), (2, 4), (3, 1)], random: &random)
    let (head, tail) = (whole.slice(0..<1), whole.slice(1..<3))
    #expect(head.rowBytes + tail.rowBytes == whole.rowBytes)
    #expect(tail.zones == Array(whole.zones[1...]) && tail.levels == Array(whole.levels[1...]))
  }
}
