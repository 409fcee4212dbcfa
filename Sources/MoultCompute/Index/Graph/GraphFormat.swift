internal import MoultModel

/// Where the sections of a graph's bytes begin; the file format of `GraphIndex`, version 1.
///
/// *Changing this makes existing graphs unreadable.* All numbers are little-endian.
///
/// | offset | size | content |
/// |---|---|---|
/// | 0 | 8 | the magic `MOULTHNW` |
/// | 8 | 4 | version: 1 |
/// | 12 | 4 | m: neighbours of a node on the upper levels; twice as many on level 0. 2 … 512 |
/// | 16 | 4 | row count n, < 2³¹ |
/// | 20 | 4 | entry point, a row; 2³² − 1 in an empty graph |
/// | 24 | 4 | number L of upper levels, 0 … 31 |
/// | 28 | 4 | 0 |
/// | 32 | 31 · 4 | number of nodes on level 1, 2, … L, never growing; 0 above L |
/// | 156 | 100 | 0 |
/// | 256 | n · 2m · 4 | level-0 links: a block of 2m rows per row, filled up with 2³² − 1 |
/// | … | n₁ · 4 | rows of the nodes of level 1 ("slots"), those of the highest level first |
/// | … | n₁ · m · 4 | level-1 links: a block of m slots per slot, filled up with 2³² − 1 |
/// | … | … | the links of level 2, … L likewise, nₗ blocks each |
///
/// Every section begins at a multiple of 64; the gaps hold zeros. Blocks carry no count: the first
/// 2³² − 1 ends them, and with m = 16 a level-0 block is exactly two cache lines. The nodes of level l
/// are the first nₗ slots, so a node has the same slot on all upper levels and slot 0 is the entry point.
struct GraphFormat: Equatable {
  static let magic: [UInt8] = Array("MOULTHNW".utf8)
  static let version: UInt32 = 1
  static let headerSizeBytes = 256
  /// Fills up a block of links.
  static let noLink = UInt32.max
  static let mRange = 2...512
  /// Keys of the beam hold a row in 31 bits.
  static let rowCountMax = 1 << 31 - 1
  static let upperLevelsMax = 31

  let rowCount: Int
  let m: Int
  /// `nil` only in an empty graph.
  let entryPoint: UInt32?
  /// `levelCounts[l − 1]` nodes stand on level l.
  let levelCounts: [Int]

  let baseLinksOffset: Int
  let upperRowsOffset: Int
  /// `upperLinksOffsets[l − 1]` is where the links of level l begin.
  let upperLinksOffsets: [Int]
  let sizeBytes: Int

  /// Links of a node on level 0.
  var baseLinkCount: Int { 2 * m }

  /// - Precondition: the counts are within the format's limits, so that no product overflows:
  ///   2³¹ rows · 2 · 512 links · 4 bytes < 2⁴⁴, and each of 31 upper levels is at most half of that.
  init(rowCount: Int, m: Int, entryPoint: UInt32?, levelCounts: [Int]) {
    precondition(Self.mRange.contains(m), "m is \(m); the format holds \(Self.mRange)")
    precondition((0...Self.rowCountMax).contains(rowCount), "\(rowCount) rows do not fit a graph")
    precondition(levelCounts.count <= Self.upperLevelsMax)
    self.rowCount = rowCount
    self.m = m
    self.entryPoint = entryPoint
    self.levelCounts = levelCounts

    var layout = IndexBytes.Layout(headerSizeBytes: Self.headerSizeBytes)
    baseLinksOffset = layout.section(rowCount * 2 * m * 4)
    upperRowsOffset = layout.section((levelCounts.first ?? 0) * 4)
    upperLinksOffsets = levelCounts.map { layout.section($0 * m * 4) }
    sizeBytes = layout.end
  }

  /// Reads and checks the header of bytes that nobody vouches for.
  ///
  /// - Throws: `corrupted`, or `unsupportedVersion` for a newer format.
  init(reading bytes: UnsafeRawBufferPointer) throws {
    try IndexBytes.checkStart(
      of: bytes, magic: Self.magic, version: Self.version, headerSizeBytes: Self.headerSizeBytes,
      what: "graph",
      damaged: Self.damaged)
    func number(at offset: Int) -> Int { IndexBytes.number(in: bytes, at: offset) }
    let m = number(at: 12)
    guard Self.mRange.contains(m) else {
      throw Self.damaged("has m = \(m), expected \(Self.mRange)")
    }
    let rowCount = number(at: 16)
    guard rowCount <= Self.rowCountMax else {
      throw Self.damaged("has \(rowCount) rows, more than a graph can have")
    }
    let entryPoint = number(at: 20)
    guard rowCount == 0 ? entryPoint == Int(Self.noLink) : entryPoint < rowCount else {
      throw Self.damaged("has row \(entryPoint) as its entry point and \(rowCount) rows")
    }
    let levels = number(at: 24)
    guard levels <= (rowCount == 0 ? 0 : Self.upperLevelsMax) else {
      throw Self.damaged("has \(levels) upper levels over \(rowCount) rows")
    }
    let counts = (0..<Self.upperLevelsMax).map { number(at: 32 + 4 * $0) }
    var below = rowCount
    for (index, count) in counts.enumerated() {
      guard index < levels ? (1...max(1, below)).contains(count) : count == 0 else {
        throw Self.damaged("has \(count) nodes on level \(index + 1), \(below) on the level below")
      }
      below = count
    }
    self.init(
      rowCount: rowCount, m: m, entryPoint: rowCount == 0 ? nil : UInt32(entryPoint),
      levelCounts: Array(counts.prefix(levels)))
    guard bytes.count == sizeBytes else {
      throw Self.damaged(
        "has \(bytes.count) bytes; \(rowCount) rows with m = \(m) and levels \(levelCounts) take \(sizeBytes)"
      )
    }
  }

  /// Writes the header and zeros everything behind it.
  ///
  /// - Precondition: `bytes` has `sizeBytes` bytes.
  func writeHeader(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == sizeBytes)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    bytes.copyBytes(from: Self.magic)
    func write(_ number: UInt32, at offset: Int) {
      bytes.storeBytes(of: number.littleEndian, toByteOffset: offset, as: UInt32.self)
    }
    write(Self.version, at: 8)
    write(UInt32(m), at: 12)
    write(UInt32(rowCount), at: 16)
    write(entryPoint ?? Self.noLink, at: 20)
    write(UInt32(levelCounts.count), at: 24)
    for (index, count) in levelCounts.enumerated() {
      write(UInt32(count), at: 32 + 4 * index)
    }
  }

  /// Checks every link and slot of `bytes` against the counts of the header.
  ///
  /// - Complexity: one sequential pass over the bytes.
  func checkLinks(of bytes: UnsafeRawBufferPointer) throws {
    func check(_ what: String, offset: Int, count: Int, below limit: Int, sentinel: Bool) throws {
      guard count > 0, let base = bytes.baseAddress else { return }
      let numbers = (base + offset).assumingMemoryBound(to: UInt32.self)
      // `noLink + 1` wraps to 0, so that one comparison accepts links and fillers; without a branch the
      // loop runs in vectors.
      let shift: UInt32 = sentinel ? 1 : 0
      var largest: UInt32 = 0
      for index in 0..<count {
        largest = max(largest, numbers[index] &+ shift)
      }
      guard Int(largest) < limit + Int(shift) else {
        throw Self.damaged("has \(what) to \(largest &- shift), where only 0 ..< \(limit) exist")
      }
    }
    try check(
      "a level-0 link", offset: baseLinksOffset, count: rowCount * baseLinkCount, below: rowCount,
      sentinel: true)
    try check(
      "a slot", offset: upperRowsOffset, count: levelCounts.first ?? 0, below: rowCount, sentinel: false)
    try checkSlots(of: bytes)
    for (index, nodes) in levelCounts.enumerated() {
      try check(
        "a level-\(index + 1) link", offset: upperLinksOffsets[index], count: nodes * m, below: nodes,
        sentinel: true)
    }
    if !levelCounts.isEmpty {
      let first = bytes.loadUnaligned(fromByteOffset: upperRowsOffset, as: UInt32.self)
      guard first == entryPoint else {
        throw Self.damaged("has row \(first) in its first slot, expected its entry point")
      }
    }
  }

  /// Each row has one slot at most.
  private func checkSlots(of bytes: UnsafeRawBufferPointer) throws {
    var hasSlot = [Bool](repeating: false, count: rowCount)
    for slot in 0..<(levelCounts.first ?? 0) {
      let row = bytes.loadUnaligned(fromByteOffset: upperRowsOffset + 4 * slot, as: UInt32.self)
      guard !hasSlot[Int(row)] else { throw Self.damaged("has row \(row) in two slots") }
      hasSlot[Int(row)] = true
    }
  }

  private static func damaged(_ what: String) -> MoultError {
    MoultError(.corrupted, "the graph \(what); it is damaged or truncated: rebuild the index")
  }
}
