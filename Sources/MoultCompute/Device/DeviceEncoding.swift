internal import CMoultKernels
internal import MoultModel

/// A code whose rows a device can write, the same bytes as `encode` does.
protocol DeviceCoded: NormalizingQuantizer {
  /// What encoding is to the device; `nil` where it cannot.
  var deviceKind: DeviceWork.Kind? { get }

  /// - Returns: whether it was done.
  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool
}

extension LevelQuantizer: DeviceCoded {
  /// Learned directions go through BLAS, whose bits are its own, and a grid is searched vector by vector.
  var deviceKind: DeviceWork.Kind? {
    guard case .random = rotation, table != .grid else { return nil }
    return .levels
  }

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    guard case .random(let random) = rotation else { return false }
    let runs = deviceRuns
    return runs.withUnsafeBufferPointer { runs in
      random.signs.withUnsafeBufferPointer { signs in
        var coder = moult_device_level_coder(
          dimension: UInt32(dimension), rotated: UInt32(layout.dimension), normalizes: normalizes ? 1 : 0,
          metric: metric.onDevice, centre: centre.pointer, signs: signs.baseAddress, runs: runs.baseAddress,
          run_count: UInt32(runs.count), row_bytes: UInt32(rowBytes))
        return use.perform(.levels) {
          $0.table.encode_levels(
            $0.device, &coder, vectors, 4 * stride, UInt64(count), nil,
            rows.assumingMemoryBound(to: UInt8.self), side?.assumingMemoryBound(to: Float.self))
        }
      }
    }
  }

  private var deviceRuns: [moult_device_level_run] {
    var runs: [moult_device_level_run] = []
    var segment = 0
    while segment < spreads.count {
      let end = endOfRun(from: segment)
      let table = segmentTables[segment]
      let levels = coders.pointer(segment).pointee
      runs.append(
        moult_device_level_run(
          segments: UInt32(end - segment), bits: UInt32(table.bits), divisor: spreads[segment],
          unit: table.bits == 8 ? table.unit : 1, gain: gains[segment], thresholds: levels.thresholds,
          levels: levels.levels))
      segment = end
    }
    return runs
  }
}

extension ScalarQuantizer: DeviceCoded {
  var deviceKind: DeviceWork.Kind? { .bytes }

  /// Vectors of a call: their sums are 8 MiB.
  private static let deviceBlock = 1 << 18

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    let coder = coder(
      normalizes: normalizes, streams: false, measuresLength: metric != .squaredEuclidean && side != nil)
    var onDevice = moult_device_u8_coder(
      dimension: UInt32(dimension), normalizes: coder.normalizes, centre: coder.centre, lower: coder.lower,
      inverse_step: coder.inverse_step, high: coder.high, low: coder.low)
    let codes = rows.assumingMemoryBound(to: UInt8.self)
    let block = min(count, Self.deviceBlock)
    let sums = UnsafeMutablePointer<moult_u8_row>.allocate(capacity: block)
    defer { sums.deallocate() }
    return withUnsafeTemporaryAllocation(byteCount: 4 * dimension, alignment: 64) { memory in
      let scratch = memory.baseAddress!.bindMemory(to: Float.self, capacity: dimension)
      for done in Swift.stride(from: 0, to: count, by: block) {
        let rowsNow = min(block, count - done)
        let source = vectors + done * stride
        let isDone = use.perform(.bytes, isBegun: done > 0) { calls in
          // The same members in the same order: device_abi.h says so.
          sums.withMemoryRebound(to: moult_device_u8_row.self, capacity: rowsNow) { sums in
            calls.table.encode_u8(
              calls.device, &onDevice, source, 4 * stride, UInt64(rowsNow), nil, codes + done * dimension,
              sums)
          }
        }
        guard isDone else { return false }
        finish(
          sums, coder, source, stride: stride, count: rowsNow, codes: codes + done * dimension,
          side: side.map { $0 + 4 * done }, scratch: scratch)
      }
      return true
    }
  }
}

extension VectorEncoder {
  /// Rows that one round of a loop encodes.
  public static let tileRows = 512

  /// Encodes `count` vectors like `encode`, tiles spread over the loop's threads, or all of them on its device. The
  /// bytes are the same.
  public func encode(
    _ vectors: UnsafePointer<Float>, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, tileRows: Int = tileRows, parallel: ParallelFor
  ) {
    if let device = parallel.device, encode(vectors, count: count, rows: rows, side: side, on: device) {
      return
    }
    nonisolated(unsafe) let (vectors, rows, side) = (vectors, rows, side)
    parallel.run((count + tileRows - 1) / tileRows) { tile in
      let first = tile * tileRows
      encode(
        vectors + first * dimension, count: min(tileRows, count - first), rows: rows + first * rowBytes,
        side: side.map { $0 + first * sideBytes })
    }
  }

  /// - Returns: whether the device took it and did it.
  private func encode(
    _ vectors: UnsafePointer<Float>, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    // A matrix before it goes through BLAS.
    if case .linear = transform { return false }
    guard count > 0, let coded = quantizer as? any DeviceCoded, let kind = coded.deviceKind else {
      return false
    }
    let values = Double(count) * Double(codeDimension)
    let work = DeviceWork(
      kind, bytesToDevice: 4 * values, bytesFromDevice: Double(count * bytesPerVector), operations: values)
    guard use.takes(work) else { return false }
    return coded.encode(
      vectors, stride: dimension, count: count, normalizes: metric == .cosine && !specification.isIdentity,
      rows: rows, side: side, on: use)
  }
}
