public import MoultModel

/// Builds the bytes of an `IVFIndex`: centroids by k-means on a sample, then every row to its nearest.
///
/// Under cosine vectors are scaled to unit length first, and centroids too (spherical k-means). Under the inner
/// product rows are assigned by Euclidean distance and lists are searched in the order of ⟨q, c⟩, so that rows
/// much longer than their list's mean may be missed until more lists are looked into.
public enum IVFIndexBuilder {
  /// Vectors that centroids are trained on, for each list.
  public static let trainedPerList = 64
  /// Lists of a group: few enough that few of their centroids are compared in vain, and enough for whole blocks.
  private static let listsPerGroup = 64
  /// By default a list has no fewer rows in the mean: a block of a scan.
  private static let rowsPerListMin = 16

  /// 4·√n, fewer for small n: comparing a query with all centroids then costs about as much as
  /// with the rows of 16 lists.
  public static func defaultListCount(rowCount: Int) -> Int {
    max(1, min(Int(4 * Double(rowCount).squareRoot()), rowCount / rowsPerListMin))
  }

  /// Puts all rows of `vectors` into lists.
  ///
  /// The same input and seed give the same bytes on one machine, with any number of threads. (Between machines
  /// centroids may differ in their last bits, as sums are ordered differently.)
  ///
  /// - Parameters:
  ///   - vectors: float32, `dimension` entries a row, finite, as the identity encoder keeps them; side data is
  ///     not read.
  ///   - listCount: at most as many as rows are made; `nil` for `defaultListCount`.
  ///   - seed: decides the sample and where centroids start.
  ///   - isCancelled: asked about every 512 rows, on every thread.
  ///   - progress: is told the rows in lists so far, on any thread and perhaps out of order.
  /// - Returns: bytes as `IVFFormat` describes them.
  /// - Throws: `cancelled`.
  /// - Complexity: with L lists about (10 · min(n, 64·L) + n) · L distances; memory: the sample, 64·L vectors at
  ///   most, beside the result.
  public static func build(
    vectors: CodeView, dimension: Int, metric: Metric, listCount: Int? = nil, seed: UInt64,
    parallel: ParallelFor, isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws(MoultError) -> [UInt8] {
    let rowCount = vectors.count
    precondition(listCount ?? 1 > 0, "\(listCount ?? 0) lists; at least one is needed")
    let listCount = min(rowCount, listCount ?? defaultListCount(rowCount: rowCount))
    let watch = BuildWatch("the inverted file", isCancelled: isCancelled)
    let kMeans = KMeans(
      dimension: dimension, isSpherical: metric == .cosine, parallel: parallel, watch: watch)
    guard rowCount > 0 else {
      let none = KMeans.Sets([], count: 0)
      return bytes(
        IVFFormat(metric: metric, dimension: dimension, rowCount: 0, listCount: 0, groupCount: 0),
        lists: ([], none), groups: ([], none))
    }
    @Sendable func copy(_ row: Int, to target: UnsafeMutablePointer<Float>) {
      let vector = (vectors.rows + row * vectors.rowStride).assumingMemoryBound(to: Float.self)
      if metric == .cosine {
        VectorNorm.normalize(vector, dimension, into: target)
      } else {
        target.update(from: vector, count: dimension)
      }
    }
    let rows = sample(of: rowCount, most: trainedPerList * listCount, seed: seed)
    let trained = FloatBuffer(count: rows.count * dimension) { target in
      for (i, row) in rows.enumerated() { copy(row, to: target + i * dimension) }
    }
    let centroids = try kMeans.train(trained, centroidCount: listCount)
    let lists = try kMeans.assign(
      count: rowCount,
      copy: { first, count, target in
        for i in 0..<count { copy(first + i, to: target + i * dimension) }
      }, to: centroids, progress: progress)

    let members = FloatBuffer(centroids)
    let groupCentroids = try kMeans.train(
      members, centroidCount: (listCount + listsPerGroup - 1) / listsPerGroup)
    let groups = try kMeans.assign(members, to: groupCentroids)
    return bytes(
      IVFFormat(
        metric: metric, dimension: dimension, rowCount: rowCount, listCount: lists.count,
        groupCount: groups.count),
      lists: (centroids, lists), groups: (groupCentroids, groups))
  }

  /// Rows in random order: all, or as many as wanted, one from each of so many equal stretches.
  private static func sample(of rowCount: Int, most: Int, seed: UInt64) -> [Int] {
    let count = min(most, rowCount)
    var random = SplitMix64(seed: seed)
    return (0..<count).map { i in
      Int.random(in: i * rowCount / count..<(i + 1) * rowCount / count, using: &random)
    }.shuffled(using: &random)
  }

  private static func bytes(
    _ format: IVFFormat, lists: ([Float], KMeans.Sets), groups: ([Float], KMeans.Sets)
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: format.sizeBytes) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<format.sizeBytes])
      format.writeHeader(to: bytes)
      for (level, (centroids, sets)) in [(format.lists, lists), (format.groups, groups)] {
        func write(_ numbers: some Sequence<UInt32>, at offset: Int) {
          for (i, number) in numbers.enumerated() {
            bytes.storeBytes(of: number.littleEndian, toByteOffset: offset + 4 * i, as: UInt32.self)
          }
        }
        write(centroids.lazy.map(\.bitPattern), at: level.centroidsOffset)
        write(sets.starts.lazy.map { UInt32($0) }, at: level.startsOffset)
        write(sets.members, at: level.membersOffset)
      }
      count = format.sizeBytes
    }
  }
}
