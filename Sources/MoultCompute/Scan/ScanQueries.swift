internal import CMoultKernels

/// The queries of a batch as scans read them. Immutable; each thread scans with a copy of `prototypes`, in
/// which it raises the bars.
final class ScanQueries: @unchecked Sendable {
  let count: Int
  /// Bars at −∞; point into memory of this object.
  let prototypes: [moult_scan_query]

  private let memory: UnsafeMutablePointer<Int8>

  /// - Parameters:
  ///   - tailDeviations: how many standard deviations of the tail a row may be short of the bar after its head
  ///     and still be looked at.
  ///   - levelNormMax: the largest Euclidean length of a row's levels; needed where queries have two limbs.
  init(_ queries: [LevelQuery], blocks: ScanBlocks, tailDeviations: Float, levelNormMax: Float) {
    count = queries.count
    let headCount = blocks.head.dimension
    let tailCount = blocks.tail?.dimension ?? 0
    let secondCount = queries.contains { $0.low != nil } ? headCount : tailCount
    // Cache lines of their own: a kernel broadcasts from every query at once.
    let stride = (headCount + secondCount + 63) / 64 * 64
    let bytes = max(64, queries.count * stride)
    memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      .initializeMemory(as: Int8.self, repeating: 0, count: bytes)
    var prototypes: [moult_scan_query] = []
    for (i, query) in queries.enumerated() {
      precondition(query.weights.count == headCount + tailCount)
      let first = memory + i * stride
      let second = first + headCount
      var scan = moult_scan_query()
      query.weights.withUnsafeBufferPointer { weights in
        blocks.head.writeBlockOrder(weights.baseAddress!, to: first)
        scan.first_bias = ScanQueries.bias(first, headCount)
        if let tail = blocks.tail {
          tail.writeRowOrder(weights.baseAddress! + headCount, to: second)
          scan.second_bias = ScanQueries.bias(second, tailCount)
          scan.second_scale = query.scale
          // Finite: ∞ times a factor of 0 (a row that is the centre) would be a NaN, and lose the row.
          scan.slack =
            query.tailDeviation > 0 ? min(tailDeviations * query.tailDeviation, ScanQueries.slackMax) : 0
        } else if let low = query.low {
          blocks.head.writeBlockOrder(low, to: second)
          scan.second_bias = ScanQueries.bias(second, headCount)
          scan.second_scale = query.lowScale
          // Cauchy and Schwarz: the low limb cannot add more, so nothing is lost.
          scan.slack = 1.0001 * query.lowScale * ScanQueries.norm(low) * levelNormMax
        }
      }
      scan.first = UnsafePointer(first)
      scan.second = blocks.tail != nil || query.low != nil ? UnsafePointer(second) : nil
      scan.scale = query.scale
      scan.offset = query.offset
      scan.bar = -.infinity
      prototypes.append(scan)
    }
    self.prototypes = prototypes
  }

  deinit {
    memory.deallocate()
  }

  /// More than any tail adds, and still no infinity when an estimate comes to it.
  private static let slackMax: Float = 0x1p126

  /// Takes off the 128 that the kernels add to every level.
  private static func bias(_ weights: UnsafePointer<Int8>, _ count: Int) -> Int32 {
    var sum: Int32 = 0
    for j in 0..<count { sum += Int32(weights[j]) }
    return -128 * sum
  }

  private static func norm(_ weights: [Int8]) -> Float {
    Float(weights.reduce(0) { $0 + Int($1) * Int($1) }).squareRoot().nextUp
  }
}
