internal import CMoultKernels
public import MoultModel

typealias DeviceStatus = moult_device_status

/// Vectors that a device holds, for exact searches and graphs, as far as its memory goes.
///
/// The vectors' memory must stay, unchanged, as long as the set does.
public final class DeviceSet: @unchecked Sendable {
  public let use: DeviceUse
  public let dimension: Int
  public let metric: Metric
  /// Of all segments, dead ones too.
  public let rowCount: Int
  private let set: OpaquePointer

  /// What the library does for one set.
  static let dimensionMax = 32_768
  static let neighborsMax = 4096

  /// - Parameters:
  ///   - kind: what the set is for, in messages.
  ///   - segments: as `ExactSearch` takes them; `live` and side data must stay too.
  /// - Returns: `nil` where the device cannot hold them.
  public convenience init?(
    _ segments: [ExactSegment], dimension: Int, metric: Metric, for kind: DeviceWork.Kind = .exact,
    on use: DeviceUse
  ) {
    let rowCount = segments.reduce(0) { $0 + $1.codes.count }
    guard rowCount > 0, rowCount <= UInt32.max, dimension <= Self.dimensionMax else { return nil }
    let rows = segments.filter { $0.codes.count > 0 }.map { segment in
      moult_device_rows(
        rows: segment.codes.rows, stride: segment.codes.rowStride, count: UInt64(segment.codes.count),
        inverse_norms: segment.codes.side, inverse_norm_stride: segment.codes.sideStride,
        live: segment.live.words, first_row: segment.firstRow)
    }
    var set: OpaquePointer?
    let isHeld = use.perform(kind, prepares: true) {
      $0.table.hold($0.device, rows, rows.count, UInt32(dimension), metric.onDevice, &set)
    }
    guard isHeld, let set else { return nil }
    self.init(set, use, dimension: dimension, metric: metric, rowCount: rowCount)
  }

  private init(_ set: OpaquePointer, _ use: DeviceUse, dimension: Int, metric: Metric, rowCount: Int) {
    self.set = set
    self.use = use
    self.dimension = dimension
    self.metric = metric
    self.rowCount = rowCount
  }

  deinit { use.device.release(set) }

  // MARK: Exact search

  /// Hits that come back at once, 64 MiB.
  static let hitsMax = (64 << 20) / 16

  /// The answer of `ExactSearch`.
  ///
  /// - Returns: `nil` where the CPU has to search.
  func search(
    _ queries: UnsafePointer<Float>, count: Int, k wanted: Int
  ) -> (hits: [[GlobalNeighbor]], report: ExactReport)? {
    let k = min(wanted, rowCount)
    guard k > 0, k <= Self.neighborsMax else { return nil }
    var (found, report): ([[GlobalNeighbor]], ExactReport) = ([], ExactReport())
    found.reserveCapacity(count)
    let group = min(count, Self.hitsMax / k)
    var hits = [moult_device_hit](repeating: moult_device_hit(), count: group * k)
    var counts = [UInt32](repeating: 0, count: group)
    for first in stride(from: 0, to: count, by: group) {
      let now = min(group, count - first)
      var own = moult_device_exact_report()
      let isDone = use.perform(.exact, isBegun: true) {
        $0.table.exact(
          $0.device, set, queries + first * dimension, now, UInt32(k), nil, &hits, &counts, &own)
      }
      guard isDone else { return nil }
      for query in 0..<now {
        found.append(
          hits[query * k..<query * k + Int(counts[query])].map {
            GlobalNeighbor(row: $0.row, score: Float($0.score) + 0)
          })
      }
      report.scored += Int(own.scored)
      report.looseQueries += Int(own.loose_queries)
      report.deviceBits = max(report.deviceBits ?? 0, Int(own.precision))
    }
    return (found, report)
  }

  // MARK: Graphs

  /// Approximate neighbour lists of all rows among themselves, numbered by segments in order.
  ///
  /// - Returns: `degree` numbers and scores a row, best first, `UInt32.max` where there are fewer; `nil` where the CPU
  ///   has to find them, or the work was stopped.
  func neighborLists(
    degree: Int, seed: UInt64, isStopped: @escaping @Sendable () -> Bool
  ) -> (neighbors: [UInt32], scores: [Float])? {
    var neighbors = [UInt32](repeating: .max, count: rowCount * degree)
    var scores = [Float](repeating: 0, count: rowCount * degree)
    let isDone = DeviceStop.with(isStopped) { stop in
      use.perform(.graph, isBegun: true) {
        $0.table.neighbour_lists($0.device, set, UInt32(degree), seed, stop, &neighbors, &scores)
      }
    }
    return isDone ? (neighbors, scores) : nil
  }

  /// Links of a graph's level 0 from neighbour lists.
  ///
  /// - Returns: `linkCount` numbers a row, `UInt32.max` where there are fewer; `nil` as above.
  func prune(
    _ neighbors: [UInt32], degree: Int, linkCount: Int, isStopped: @escaping @Sendable () -> Bool
  ) -> [UInt32]? {
    precondition(neighbors.count == rowCount * degree)
    var links = [UInt32](repeating: .max, count: rowCount * linkCount)
    let isDone = DeviceStop.with(isStopped) { stop in
      use.perform(.graph, isBegun: true) {
        $0.table.prune($0.device, set, neighbors, UInt32(degree), UInt32(linkCount), stop, &links)
      }
    }
    return isDone ? links : nil
  }
}

extension Metric {
  var onDevice: moult_device_metric {
    switch self {
    case .cosine: MOULT_DEVICE_COSINE
    case .innerProduct: MOULT_DEVICE_INNER_PRODUCT
    case .squaredEuclidean: MOULT_DEVICE_SQUARED_L2
    }
  }
}

extension DeviceUse {
  /// `ExactSearch` of many queries, where the device takes it and does it.
  func exact(
    _ queries: UnsafePointer<Float>, count: Int, dimension: Int, metric: Metric, segments: [ExactSegment],
    k: Int
  ) -> (hits: [[GlobalNeighbor]], report: ExactReport)? {
    let rowCount = segments.reduce(0) { $0 + $1.codes.count }
    guard count >= ExactSearch.batchMin, min(k, rowCount) <= DeviceSet.neighborsMax else { return nil }
    let values = Double(rowCount) * Double(dimension)
    let isTaken = takes(
      DeviceWork(
        .exact, bytesToDevice: 4 * values + 4 * Double(count * dimension),
        bytesFromDevice: 16 * Double(count) * Double(min(k, rowCount)), operations: values * Double(count)))
    guard isTaken, let set = DeviceSet(segments, dimension: dimension, metric: metric, on: self) else {
      return nil
    }
    return set.search(queries, count: count, k: k)
  }
}
