internal import CMoultKernels

/// Zones as the kernels read them, and the levels that they point to, at fixed addresses.
final class KernelZones: @unchecked Sendable {
  let zones: UnsafePointer<moult_zone>
  let count: Int

  private let levels: UnsafeMutablePointer<UInt8>

  init(zones: [CodeLayout.Zone], levels: [[Int8]]) {
    count = zones.count
    self.levels = .allocate(capacity: 32 * zones.count)
    self.levels.initialize(repeating: 0, count: 32 * zones.count)
    let kernelZones = UnsafeMutablePointer<moult_zone>.allocate(capacity: zones.count)
    for (i, zone) in zones.enumerated() {
      let table = self.levels + 32 * i
      for (code, level) in levels[i].enumerated() { table[code] = UInt8(Int(level) + 128) }
      (kernelZones + i).initialize(
        to: moult_zone(
          segments: UInt32(zone.segments), bits: UInt32(zone.bits),
          levels: zone.bits == 8 ? nil : UnsafePointer(table)))
    }
    self.zones = UnsafePointer(kernelZones)
  }

  deinit {
    zones.deallocate()
    levels.deallocate()
  }
}
