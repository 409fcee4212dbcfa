internal import MoultModel

/// Where the sections of an inverted file's bytes begin; the file format of `IVFIndex`, version 1.
///
/// *Changing this makes existing inverted files unreadable.* All numbers are little-endian.
///
/// | offset | size | content |
/// |---|---|---|
/// | 0 | 8 | the magic `MOULTIVF` |
/// | 8 | 4 | version: 1 |
/// | 12 | 4 | metric: 0 cosine, 1 inner product, 2 squared Euclidean |
/// | 16 | 4 | dimension d, 1 … 32,768 |
/// | 20 | 4 | row count n, < 2³¹ |
/// | 24 | 4 | list count L, 1 … n; 0 without rows |
/// | 28 | 4 | group count G, 1 … L; 0 without rows |
/// | 32 | 32 | 0 |
/// | 64 | L · d · 4 | centroids of the lists, float32 |
/// | … | (L + 1) · 4 | where the rows of each list begin, and n |
/// | … | n · 4 | the rows of list 0, of list 1, …; ascending within a list |
/// | … | G · d · 4 | centroids of the groups |
/// | … | (G + 1) · 4 | where the lists of each group begin, and L |
/// | … | L · 4 | the lists of group 0, of group 1, …; ascending within a group |
///
/// Every section begins at a multiple of 64; the gaps hold zeros. Lists and groups may be empty.
struct IVFFormat: Equatable {
  static let magic: [UInt8] = Array("MOULTIVF".utf8)
  static let version: UInt32 = 1
  static let headerSizeBytes = 64
  static let rowCountMax = 1 << 31 - 1
  /// The format's numbers of the metrics.
  static let metrics: [Metric] = [.cosine, .innerProduct, .squaredEuclidean]

  /// Offsets of the sections of one level.
  struct Level: Equatable {
    let centroidsOffset: Int
    let startsOffset: Int
    let membersOffset: Int
  }

  let metric: Metric
  let dimension: Int
  let rowCount: Int
  let listCount: Int
  let groupCount: Int
  let lists: Level
  let groups: Level
  let sizeBytes: Int

  /// - Precondition: the counts are within the format's limits, so that no product overflows:
  ///   2³¹ lists · 2¹⁵ dimensions · 4 bytes = 2⁴⁸.
  init(metric: Metric, dimension: Int, rowCount: Int, listCount: Int, groupCount: Int) {
    precondition(
      CollectionSchema.dimensionRange.contains(dimension), "\(dimension) dimensions do not fit the format")
    precondition((0...Self.rowCountMax).contains(rowCount), "\(rowCount) rows do not fit the format")
    precondition(Self.isCount(listCount, of: rowCount) && Self.isCount(groupCount, of: listCount))
    self.metric = metric
    self.dimension = dimension
    self.rowCount = rowCount
    self.listCount = listCount
    self.groupCount = groupCount

    var layout = IndexBytes.Layout(headerSizeBytes: Self.headerSizeBytes)
    func level(_ count: Int, members: Int) -> Level {
      Level(
        centroidsOffset: layout.section(count * dimension * 4), startsOffset: layout.section((count + 1) * 4),
        membersOffset: layout.section(members * 4))
    }
    lists = level(listCount, members: rowCount)
    groups = level(groupCount, members: listCount)
    sizeBytes = layout.end
  }

  /// Whether so many sets can share `members`.
  private static func isCount(_ count: Int, of members: Int) -> Bool {
    members == 0 ? count == 0 : (1...members).contains(count)
  }

  /// Reads and checks the header of bytes that nobody vouches for.
  ///
  /// - Throws: `corrupted`, or `unsupportedVersion` for a newer format.
  init(reading bytes: UnsafeRawBufferPointer) throws(MoultError) {
    try IndexBytes.checkStart(
      of: bytes, magic: Self.magic, version: Self.version, headerSizeBytes: Self.headerSizeBytes,
      what: "inverted file",
      damaged: Self.damaged)
    func number(at offset: Int) -> Int { IndexBytes.number(in: bytes, at: offset) }
    let metric = number(at: 12)
    guard metric < Self.metrics.count else {
      throw Self.damaged("has metric \(metric), expected 0 … \(Self.metrics.count - 1)")
    }
    let dimension = number(at: 16)
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw Self.damaged("has \(dimension) dimensions, expected \(CollectionSchema.dimensionRange)")
    }
    let rowCount = number(at: 20)
    guard rowCount <= Self.rowCountMax else {
      throw Self.damaged("has \(rowCount) rows, expected at most \(Self.rowCountMax)")
    }
    let listCount = number(at: 24)
    guard Self.isCount(listCount, of: rowCount) else {
      throw Self.damaged("has \(listCount) lists of \(rowCount) rows")
    }
    let groupCount = number(at: 28)
    guard Self.isCount(groupCount, of: listCount) else {
      throw Self.damaged("has \(groupCount) groups of \(listCount) lists")
    }
    guard bytes[32..<Self.headerSizeBytes].allSatisfy({ $0 == 0 }) else {
      throw Self.damaged("has bytes other than 0 at 32 ..< \(Self.headerSizeBytes)")
    }
    self.init(
      metric: Self.metrics[metric], dimension: dimension, rowCount: rowCount, listCount: listCount,
      groupCount: groupCount)
    guard bytes.count == sizeBytes else {
      throw Self.damaged(
        "has \(bytes.count) bytes; \(rowCount) rows in \(listCount) lists of \(dimension) dimensions and "
          + "\(groupCount) groups take \(sizeBytes)")
    }
  }

  /// Writes the header and zeros everything behind it.
  ///
  /// - Precondition: `bytes` has `sizeBytes` bytes.
  func writeHeader(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == sizeBytes)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    bytes.copyBytes(from: Self.magic)
    let numbers = [
      Int(Self.version), Self.metrics.firstIndex(of: metric)!, dimension, rowCount, listCount, groupCount,
    ]
    for (index, number) in numbers.enumerated() {
      bytes.storeBytes(of: UInt32(number).littleEndian, toByteOffset: 8 + 4 * index, as: UInt32.self)
    }
  }

  /// The lists, or the groups, where they lie in `bytes`.
  ///
  /// - Parameter base: the first of `sizeBytes` bytes, at a multiple of 4.
  func partition(_ level: Level, of base: UnsafeRawPointer) -> IVFPartition {
    let isLists = level == lists
    return IVFPartition(
      dimension: dimension, count: isLists ? listCount : groupCount,
      memberCount: isLists ? rowCount : listCount,
      centroids: (base + level.centroidsOffset).assumingMemoryBound(to: Float.self),
      starts: (base + level.startsOffset).assumingMemoryBound(to: UInt32.self),
      members: (base + level.membersOffset).assumingMemoryBound(to: UInt32.self))
  }

  static func damaged(_ what: String) -> MoultError {
    MoultError(.corrupted, "the inverted file \(what); it is damaged or truncated: rebuild the index")
  }
}
