internal import CMoultKernels

/// The nearest of some centroids for each of many vectors, as k-means and inverted lists ask for it; the same
/// answer as comparing every squared Euclidean distance in double.
///
/// `‖x − c‖²` is least where `⟨x, c⟩ − ‖c‖²/2` is largest. Products of both rounded to bfloat16, x̃ and c̃, come
/// from a kernel that is more than twice as fast as `sgemm` where the processor has instructions for it. With
/// the kernel's own error of at most `d·2⁻²⁴·‖x̃‖·‖c̃‖`
///
///     |⟨x, c⟩ − product| ≤ ‖x − x̃‖·‖c‖ + ‖x̃‖·‖c − c̃‖ + d·2⁻²⁴·‖x̃‖·‖c̃‖ ≤ E
///
/// with the largest ‖c‖, ‖c − c̃‖ and ‖c̃‖ of all, 0.3 % of ‖x‖·‖c‖ mostly. So only centroids within 2E of the
/// best are compared in double, one or two of a thousand.
public struct NearestCentroids: Sendable {
  public let dimension: Int
  public let count: Int
  private let centroids: FloatBuffer
  /// Blocks of 16 centroids as the kernel reads them; 64-byte aligned.
  private let blocks: FloatBuffer
  /// ‖c‖²/2; infinite for those that pad the last block.
  private let halves: FloatBuffer
  private let largest: Largest

  /// Over all centroids.
  private struct Largest {
    var norm = 0.0
    var roundedNorm = 0.0
    var roundingError = 0.0
  }

  private var lines: Int { (dimension + 1) / 2 }
  private var paddedCount: Int { (count + 15) / 16 * 16 }

  /// - Parameter centroids: `count × dimension`, finite; at least one.
  public init(centroids: [Float], dimension: Int) {
    precondition(dimension > 0 && dimension <= 65_536 && !centroids.isEmpty)
    precondition(centroids.count % dimension == 0)
    let kernels = KernelTable.best
    self.dimension = dimension
    let count = centroids.count / dimension
    self.count = count
    let lines = (dimension + 1) / 2
    let blockCount = (count + 15) / 16
    var halves = [Float](repeating: .infinity, count: 16 * blockCount)
    var largest = Largest()
    var rows = [UInt16](repeating: 0, count: 16 * dimension)
    var rounded = [Float](repeating: 0, count: dimension)
    let all = FloatBuffer(centroids)
    blocks = FloatBuffer(count: 16 * lines * blockCount) { blocks in
      for first in stride(from: 0, to: count, by: 16) {
        let rowCount = min(16, count - first)
        for i in 0..<rowCount {
          let centroid = all.pointer + (first + i) * dimension
          rows.withUnsafeMutableBufferPointer { rows in
            let row = rows.baseAddress! + i * dimension
            kernels.narrowToBFloat(centroid, row, dimension)
            kernels.widenBFloat(row, &rounded, dimension)
          }
          let squared = kernels.sumOfSquares(centroid, dimension)
          let error = kernels.squaredL2Double(centroid, rounded, dimension)
          halves[first + i] = Float(squared / 2)
          largest.norm = max(largest.norm, squared.squareRoot())
          largest.roundedNorm = max(
            largest.roundedNorm, kernels.sumOfSquares(rounded, dimension).squareRoot())
          largest.roundingError = max(largest.roundingError, error.squareRoot())
        }
        let block = UnsafeMutableRawPointer(blocks + first * lines).assumingMemoryBound(to: UInt8.self)
        kernels.interleaveBlock(rows, 2 * dimension, rowCount, 2 * dimension, lines, block)
      }
    }
    self.centroids = all
    self.halves = FloatBuffer(halves)
    self.largest = largest
  }

  /// Writes the number of the nearest centroid of each vector, of equally near ones the smallest.
  ///
  /// - Parameters:
  ///   - vectors: `vectorCount × dimension`, finite.
  ///   - nearest: room for `vectorCount` numbers.
  /// - Returns: how many distances were computed in double.
  /// - Complexity: O(vectorCount · count · dimension); 1 MiB of scratch memory, or 12 products' rows.
  @discardableResult
  public func assign(
    _ vectors: UnsafePointer<Float>, count vectorCount: Int, into nearest: UnsafeMutablePointer<UInt32>
  ) -> Int {
    let kernels = KernelTable.best
    let tile = max(12, min(48, 262_144 / paddedCount))
    var compared = 0
    withUnsafeTemporaryAllocation(byteCount: 4 * tile * paddedCount, alignment: 64) { memory in
      let products = memory.baseAddress!.bindMemory(to: Float.self, capacity: tile * paddedCount)
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: tile * 2 * lines) { rounded in
        // An odd dimension is filled up with zeros.
        rounded.initialize(repeating: 0)
        for first in stride(from: 0, to: vectorCount, by: tile) {
          let now = min(tile, vectorCount - first)
          for i in 0..<now {
            kernels.narrowToBFloat(
              vectors + (first + i) * dimension, rounded.baseAddress! + i * 2 * lines, dimension)
          }
          kernels.dotBFloatBlocks(
            rounded.baseAddress, 2 * lines, now, blocks.pointer, lines, paddedCount / 16, products,
            paddedCount)
          for i in 0..<now {
            let vector = vectors + (first + i) * dimension
            let slack = slack(vector, rounded: rounded.baseAddress! + i * 2 * lines)
            nearest[first + i] = best(vector, products + i * paddedCount, slack: slack, compared: &compared)
          }
        }
      }
    }
    return compared
  }

  /// 2E with all roundings; infinite where a product might have overflowed.
  private func slack(_ vector: UnsafePointer<Float>, rounded: UnsafePointer<UInt16>) -> Float {
    let kernels = KernelTable.best
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { buffer in
      let widened = buffer.baseAddress!
      kernels.widenBFloat(rounded, widened, dimension)
      let norm = kernels.sumOfSquares(widened, dimension).squareRoot()
      let error = kernels.squaredL2Double(vector, widened, dimension).squareRoot()
      let size = norm * largest.roundedNorm
      guard size < 1e37 && largest.norm < 1e18 else { return .infinity }
      // Three roundings of product − half beside the kernel's; what is below 2⁻¹²⁶ may be lost.
      let bound =
        error * largest.norm + norm * largest.roundingError + Double(dimension + 8) * 0x1p-24 * size
        + 0x1p-22 * largest.norm * largest.norm
        + Double(dimension) * 0x1p-123 * (1 + norm + largest.norm)
      return Float(2.001 * bound)
    }
  }

  private func best(
    _ vector: UnsafePointer<Float>, _ products: UnsafeMutablePointer<Float>, slack: Float, compared: inout Int
  ) -> UInt32 {
    var most = -Float.infinity
    for i in 0..<paddedCount {
      products[i] -= halves.pointer[i]
      most = products[i] > most ? products[i] : most
    }
    let bar = most - slack
    var (index, least) = (0, Double.infinity)
    // A NaN, of sums that overflowed, says nothing.
    for i in 0..<count where !(products[i] < bar) {
      let distance = KernelTable.best.squaredL2Double(vector, centroids.pointer + i * dimension, dimension)
      compared += 1
      if distance < least { (index, least) = (i, distance) }
    }
    return UInt32(index)
  }
}
