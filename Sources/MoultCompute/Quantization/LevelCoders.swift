internal import CMoultKernels

/// Tables of levels as `encode_levels` reads them, at fixed addresses.
final class LevelCoders: @unchecked Sendable {
  private let coders: UnsafeMutablePointer<moult_levels>
  private let thresholds: UnsafeMutablePointer<Float>
  private let levels: UnsafeMutablePointer<Int8>

  init(tables: [LevelTable]) {
    coders = .allocate(capacity: max(1, tables.count))
    thresholds = .allocate(capacity: 32 * max(1, tables.count))
    levels = .allocate(capacity: 32 * max(1, tables.count))
    for (i, table) in tables.enumerated() {
      let ownThresholds = thresholds + 32 * i
      let ownLevels = levels + 32 * i
      for (j, threshold) in table.thresholds.enumerated() { (ownThresholds + j).initialize(to: threshold) }
      for (j, level) in table.levels.enumerated() { (ownLevels + j).initialize(to: level) }
      (coders + i).initialize(
        to: moult_levels(
          bits: UInt32(table.bits), thresholds: table.bits == 8 ? nil : UnsafePointer(ownThresholds),
          levels: table.bits == 8 ? nil : UnsafePointer(ownLevels)))
    }
  }

  deinit {
    coders.deallocate()
    thresholds.deallocate()
    levels.deallocate()
  }

  func pointer(_ index: Int) -> UnsafePointer<moult_levels> { UnsafePointer(coders + index) }
}
