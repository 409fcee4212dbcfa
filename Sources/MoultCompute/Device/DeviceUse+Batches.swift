internal import CMoultKernels

extension DeviceUse {
  /// The nearest rows of bits, as `BinarySearch` finds them.
  ///
  /// - Returns: `nil` where the CPU has to search.
  func nearestBits(
    _ queries: UnsafePointer<UInt8>, count: Int, rows: BinaryRows, k wanted: Int, live: LiveRows
  ) -> [[Neighbor]]? {
    let k = min(wanted, rows.count)
    guard count > 1, k > 0, k <= DeviceSet.neighborsMax else { return nil }
    let bytes = Double(rows.count) * Double(rows.rowBytes)
    let group = min(count, DeviceSet.hitsMax / k)
    let isTaken = takes(
      DeviceWork(
        .bits, bytesToDevice: bytes * Double((count + group - 1) / group),
        bytesFromDevice: 8 * Double(count) * Double(k), operations: bytes * Double(count)))
    guard isTaken else { return nil }
    var found: [[Neighbor]] = []
    found.reserveCapacity(count)
    var hits = [moult_device_bit_hit](repeating: moult_device_bit_hit(), count: group * k)
    var counts = [UInt32](repeating: 0, count: group)
    for first in stride(from: 0, to: count, by: group) {
      let now = min(group, count - first)
      let isDone = perform(.bits, isBegun: first > 0) {
        $0.table.hamming(
          $0.device, rows.rows.assumingMemoryBound(to: UInt8.self), rows.stride, UInt64(rows.count),
          live.words, UInt32(rows.rowBytes), queries + first * rows.rowBytes, now, UInt32(k), nil, &hits,
          &counts)
      }
      guard isDone else { return nil }
      for query in 0..<now {
        found.append(
          hits[query * k..<query * k + Int(counts[query])].map {
            Neighbor(row: $0.row, score: 0 - Float($0.distance))
          })
      }
    }
    return found
  }

  /// The nearest centroid of each vector, as `NearestCentroids` finds it.
  ///
  /// - Parameters:
  ///   - isBegun: whether others of the same vectors have been assigned.
  ///   - nearest: room for `count` numbers.
  /// - Returns: whether it was done.
  func assign(
    _ vectors: UnsafePointer<Float>, count: Int, to centroids: [Float], dimension: Int,
    isBegun: Bool, isStopped: @escaping @Sendable () -> Bool, into nearest: UnsafeMutablePointer<UInt32>
  ) -> Bool {
    DeviceStop.with(isStopped) { stop in
      perform(.nearest, isBegun: isBegun) {
        $0.table.nearest(
          $0.device, centroids, UInt32(centroids.count / dimension), UInt32(dimension), vectors,
          UInt64(count),
          stop, nearest)
      }
    }
  }

  /// Whether `assign` is worth it for so many vectors, `chunk` at a time.
  func takesAssigning(count: Int, chunk: Int, to centroidCount: Int, dimension: Int) -> Bool {
    let calls = (count + chunk - 1) / max(1, chunk)
    let bytes = 4 * Double(dimension) * (Double(count) + Double(calls * centroidCount))
    return takes(
      DeviceWork(
        .nearest, bytesToDevice: bytes, bytesFromDevice: 4 * Double(count),
        operations: Double(count) * Double(centroidCount) * Double(dimension)))
  }
}
