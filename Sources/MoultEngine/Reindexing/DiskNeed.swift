import MoultCompute
import MoultModel

/// Bytes of new files on disk: estimates from above.
enum DiskNeed {
  /// The catalog with its log, headers and checksums.
  static let least = 16 << 20
  /// Headers and checksums of a segment's files.
  static let perSegment = 16_384

  /// Rows in full precision, with their numbers, norms and checksums.
  static func vectors(_ rows: Int, _ dimension: Int) -> Int { rows * (4 * dimension + 64) }

  static func codes(_ specification: EncodingSpecification, rows: Int, dimension: Int) -> Int {
    specification.isIdentity ? 0 : rows * specification.bytesPerVectorMax(dimension)
  }

  static func index(_ kind: IndexSpecification, rows: Int, dimension: Int) -> Int {
    switch kind {
    case .hnsw(let m, _): return rows * (4 * (2 * m) + 16)
    case .ivf(let wanted):
      let lists = SwitchMemory.listCount(wanted, rowCount: rows)
      // Lists are put into groups of 64, which have centroids too.
      return 4 * (rows + (dimension + 2) * (lists + lists / 64 + 1))
    case .flat, .automatic: return 0
    }
  }
}
