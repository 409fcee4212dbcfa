internal import CMoultKernels
internal import MoultModel

/// A code whose rows a device can write, the same bytes as `encode` does.
protocol DeviceCoded: NormalizingQuantizer {
  /// What encoding is to the device.
  var deviceKind: DeviceWork.Kind { get }
  /// The matrix among the code's own steps, which a device applies too.
  var ownMap: LinearTransform? { get }
  /// How often a value is encoded until its code is found.
  var roundsPerValue: Int { get }

  /// - Parameter map: what the vectors go through first, on the device as well; `stride` is that of the vectors as they
  ///   are given.
  /// - Returns: whether it was done.
  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, behind map: LinearTransform?, count: Int, normalizes: Bool,
    rows: UnsafeMutableRawPointer, side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool
}

extension LinearTransform {
  fileprivate var productsPerVector: Double { Double(inputDimension) * Double(outputDimension) }

  /// Whether a device maps vectors as `apply` does.
  fileprivate var isForDevice: Bool { !normalizesInput }
}

/// What the device is told of a map.
private func withDeviceMap<Result>(
  _ map: LinearTransform?, _ body: (UnsafePointer<moult_device_map>?) -> Result
) -> Result {
  guard let map else { return body(nil) }
  var onDevice = moult_device_map(
    inputs: UInt32(map.inputDimension), outputs: UInt32(map.outputDimension), matrix: map.matrix.pointer,
    bias: map.bias?.pointer)
  return withUnsafePointer(to: &onDevice, body)
}

extension LevelQuantizer: DeviceCoded {
  var deviceKind: DeviceWork.Kind { .levels }

  var roundsPerValue: Int { table == .grid ? 1 + gridReaches.count : 1 }

  var ownMap: LinearTransform? {
    switch rotation {
    case .random: nil
    case .learned(let map): map
    }
  }

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, behind map: LinearTransform?, count: Int, normalizes: Bool,
    rows: UnsafeMutableRawPointer, side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    switch rotation {
    case .random(let random):
      random.signs.withUnsafeBufferPointer {
        encode(
          vectors, stride: stride, behind: map, signs: $0.baseAddress, directions: nil, count: count,
          normalizes: normalizes, rows: rows, side: side, on: use)
      }
    case .learned(let directions):
      encode(
        vectors, stride: stride, behind: map, signs: nil, directions: directions.matrix.pointer, count: count,
        normalizes: normalizes, rows: rows, side: side, on: use)
    }
  }

  private func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, behind map: LinearTransform?, signs: UnsafePointer<UInt64>?,
    directions: UnsafePointer<Float>?, count: Int, normalizes: Bool, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    let runs = table == .grid ? [deviceRun(of: 0..<spreads.count)] : deviceRuns
    let reaches = table == .grid ? gridReaches : []
    return runs.withUnsafeBufferPointer { runs in
      reaches.withUnsafeBufferPointer { reaches in
        withDeviceMap(map) { map in
          var coder = moult_device_level_coder(
            dimension: UInt32(dimension), rotated: UInt32(layout.dimension), normalizes: normalizes ? 1 : 0,
            metric: metric.onDevice, centre: centre.pointer, signs: signs, runs: runs.baseAddress,
            run_count: UInt32(runs.count), row_bytes: UInt32(rowBytes), directions: directions, map: map,
            reaches: reaches.isEmpty ? nil : reaches.baseAddress, reach_count: UInt32(reaches.count))
          return use.perform(.levels) {
            $0.table.encode_levels(
              $0.device, &coder, vectors, 4 * stride, UInt64(count), nil,
              rows.assumingMemoryBound(to: UInt8.self), side?.assumingMemoryBound(to: Float.self))
          }
        }
      }
    }
  }

  private var deviceRuns: [moult_device_level_run] {
    var runs: [moult_device_level_run] = []
    var segment = 0
    while segment < spreads.count {
      let end = endOfRun(from: segment)
      runs.append(deviceRun(of: segment..<end))
      segment = end
    }
    return runs
  }

  /// Of segments that have all in common with the first.
  private func deviceRun(of segments: Range<Int>) -> moult_device_level_run {
    let first = segments.lowerBound
    let table = segmentTables[first]
    let levels = coders.pointer(first).pointee
    return moult_device_level_run(
      segments: UInt32(segments.count), bits: UInt32(table.bits), divisor: spreads[first],
      unit: table.bits == 8 ? table.unit : 1, gain: gains[first], thresholds: levels.thresholds,
      levels: levels.levels)
  }
}

extension ScalarQuantizer: DeviceCoded {
  var deviceKind: DeviceWork.Kind { .bytes }
  var ownMap: LinearTransform? { nil }
  var roundsPerValue: Int { 1 }

  /// Vectors of a call: their sums are 8 MiB.
  private static let deviceBlock = 1 << 18

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, behind map: LinearTransform?, count: Int, normalizes: Bool,
    rows: UnsafeMutableRawPointer, side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
    let coder = coder(
      normalizes: normalizes, streams: false, measuresLength: metric != .squaredEuclidean && side != nil)
    return withDeviceMap(map) { onDevice in
      var onDevice = moult_device_u8_coder(
        dimension: UInt32(dimension), normalizes: coder.normalizes, centre: coder.centre, lower: coder.lower,
        inverse_step: coder.inverse_step, high: coder.high, low: coder.low, map: onDevice)
      return encode(
        vectors, stride: stride, behind: map, count: count, coder, &onDevice, rows: rows, side: side, on: use)
    }
  }

  private func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, behind map: LinearTransform?, count: Int,
    _ coder: moult_u8_coder, _ onDevice: inout moult_device_u8_coder, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?, on use: DeviceUse
  ) -> Bool {
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
          sums, coder, source, stride: stride, behind: map, count: rowsNow, codes: codes + done * dimension,
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
    guard count > 0, let coded = quantizer as? any DeviceCoded else { return false }
    var map: LinearTransform?
    if case .linear(let linear) = transform { map = linear }
    guard map?.isForDevice != false else { return false }
    let products = (map?.productsPerVector ?? 0) + (coded.ownMap?.productsPerVector ?? 0)
    let work = DeviceWork(
      coded.deviceKind,
      bytesToDevice: 4 * (Double(count) * Double(map?.inputDimension ?? codeDimension) + products),
      bytesFromDevice: Double(count * bytesPerVector),
      operations: Double(count) * Double(codeDimension) * Double(coded.roundsPerValue),
      mapProducts: Double(count) * products)
    guard use.takes(work) else { return false }
    return coded.encode(
      vectors, stride: dimension, behind: map, count: count,
      normalizes: metric == .cosine && !specification.isIdentity, rows: rows, side: side, on: use)
  }
}
