public import MoultModel

/// A coarse picture of every row in one cache line or two, for finding the way in a graph.
///
/// What a walk through a graph waits for is memory: each node that is expanded brings a dozen rows that lie
/// anywhere, and most of them turn out to be too far away. The way hardly depends on the precision of their
/// scores (QUANTIZATION.md 5), so a walk scores guides, and the codes decide among the rows it ends with.
///
/// With the mean μ of the collection and its leading principal directions a_j (variance λ_j), the components
/// `y_j = ⟨a_j, x − μ⟩` are rounded to 16 or 4 levels, as `GuideLayout` hands them out, in steps of `Δ_j·n`:
/// Δ_j = √λ_j times what suits a normal distribution, n = √(mean of y_j²/λ_j) the row's own scale. With
/// `ŷ_j = Δ_j·(level − middle)` and w the components of q − μ
///
///     ⟨q, x⟩ ≈ S·⟨w, ŷ⟩ + ⟨μ, x − μ⟩ + what is the same for all rows      −‖q − x‖² ≈ 2S·⟨w, ŷ⟩ − ‖x − μ‖² + …
///
/// where `S = Σy_j² / Σ y_j·ŷ_j`. Beside cosine and inner product a query is first scaled to the length that
/// rows have, which changes no order.
///
/// Made from codes of any kind, about a microsecond a row and a second for the directions of 1,024 dimensions.
/// It stays right for other codes of the same rows, also in another space: it has its own encoder for queries.
public final class GraphGuide: @unchecked Sendable {  // written only while it is made
  let layout: GuideLayout
  /// One after the other, 64-byte aligned.
  let records: UnsafeMutableRawPointer
  /// Rows.
  public let count: Int

  private let encoder: VectorEncoder
  private let queryMap: GuideMap
  private let centre: FloatBuffer
  private let queryLength: Float
  private let steps: FloatBuffer
  private let directions: [Direction]
  /// Weights of a row as the query: 16 levels for each direction, in units of `rowUnit`.
  private let rowWeights: [RowWeight]
  private let rowUnit: Float

  private struct Direction {
    let byte: Int
    let shift: Int
    let mask: UInt8
    let weightIndex: Int
    let middle: Float
  }

  private struct RowWeight {
    let low: Int8
    let high: Int8
    /// 16·middle·weight, rounded.
    let middle: Int32
  }

  public var bytesPerVector: Int { layout.bytes }
  private var dimension: Int { encoder.codeDimension }
  private var isEuclidean: Bool { encoder.metric == .squaredEuclidean }

  /// Fewer rows are not worth a guide.
  public static let rowCountMin = 1000
  /// Finding the directions of more dimensions takes longer than a guide saves.
  public static let dimensionMax = 2048
  private static let partRowCount = 4096

  /// - Parameters:
  ///   - encoder: wrote the codes.
  ///   - codes: one for each row of the graph.
  /// - Returns: `nil` for too few rows, fewer than `rowCountMin` or 4 a dimension, for more than `dimensionMax`
  ///   dimensions, and for rows that do not vary.
  /// - Complexity: O(min(n, 8192)·d² + d³) for the directions, O(n·d·224) for the guides.
  public convenience init?(encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor = .serial) {
    guard let basis = GuideBasis(encoder: encoder, codes: codes) else { return nil }
    self.init(basis: basis, codes: codes, lines: 1, parallel: parallel)
  }

  /// - Parameter lines: cache lines of 64 bytes a row, 1 or 2.
  init(basis: GuideBasis, codes: CodeView, lines: Int, parallel: ParallelFor) {
    let encoder = basis.encoder
    let dimension = encoder.codeDimension
    let layout = GuideLayout(lines: lines, variances: basis.variances)
    let steps = (0..<layout.count).map { basis.variances[$0].squareRoot() * layout.relativeStep($0) }

    self.layout = layout
    self.encoder = encoder
    self.steps = FloatBuffer(steps)
    count = codes.count
    centre = basis.centre
    queryLength = basis.length
    let matrix = UnsafeBufferPointer(start: basis.directions.pointer, count: layout.count * dimension)
    let map = LinearTransform(
      matrix: FloatBuffer(Array(matrix)), bias: nil, inputDimension: dimension, outputDimension: layout.count,
      isOrthonormal: true)
    queryMap = GuideMap(map)
    directions = (0..<layout.count).map { direction in
      let (byte, shift) = layout.place(of: direction)
      return Direction(
        byte: byte, shift: shift, mask: UInt8(layout.levelCount(direction) - 1),
        weightIndex: layout.weightIndex(of: direction), middle: layout.middle(direction))
    }
    (rowUnit, rowWeights) = Self.rowWeights(layout, steps)
    records = .allocate(byteCount: codes.count * layout.bytes, alignment: 64)
    records.initializeMemory(as: UInt8.self, repeating: 0, count: codes.count * layout.bytes)
    let parts = (codes.count + Self.partRowCount - 1) / Self.partRowCount
    parallel.run(parts) { part in
      let first = part * Self.partRowCount
      self.write(first..<min(first + Self.partRowCount, codes.count), of: codes, by: map)
    }
  }

  deinit {
    records.deallocate()
  }

  // MARK: Rows

  private func write(_ rows: Range<Int>, of codes: CodeView, by map: LinearTransform) {
    let block = map.blockCount
    let dimension = dimension
    withUnsafeTemporaryAllocation(of: Float.self, capacity: block * (dimension + layout.count)) { buffer in
      let vectors = buffer.baseAddress!
      let components = vectors + block * dimension
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
        let count = min(block, rows.upperBound - first)
        for i in 0..<count {
          let vector = vectors + i * dimension
          GuideBasis.decode(first + i, of: codes, encoder, into: vector)
          KernelTable.best.subtract(vector, centre.pointer, vector, dimension)
        }
        map.apply(vectors, count: count, into: components)
        for i in 0..<count {
          let vector = vectors + i * dimension
          let additive =
            isEuclidean
            ? -VectorNorm.squared(vector, dimension)
            : KernelTable.best.dotDouble(centre.pointer, vector, dimension)
          write(components + i * layout.count, additive: Float(additive), row: first + i)
        }
      }
    }
  }

  private func write(_ components: UnsafeMutablePointer<Float>, additive: Float, row: Int) {
    let record = (records + row * layout.bytes).assumingMemoryBound(to: UInt8.self)
    let steps = steps.pointer
    var squares: Float = 0
    var relativeSquares: Float = 0
    for j in 0..<layout.count {
      let relative = components[j] / steps[j] * layout.relativeStep(j)
      squares += components[j] * components[j]
      relativeSquares += relative * relative
    }
    let scale = (relativeSquares / Float(layout.count)).squareRoot()
    let inverse = scale.isNormal ? 1 / scale : 0
    var along: Float = 0
    directions.withUnsafeBufferPointer { directions in
      for j in 0..<directions.count {
        let direction = directions[j]
        // The middle of a level's interval is the level; a truncated number is rounded down where it counts.
        let place = components[j] / steps[j] * inverse + direction.middle + 0.5
        let level = UInt8(max(0, min(place, Float(direction.mask))))
        along += components[j] * steps[j] * (Float(level) - direction.middle)
        record[direction.byte] |= level << UInt8(direction.shift)
      }
    }
    let factor = squares / along * (isEuclidean ? 2 : 1)
    let side = UnsafeMutableRawPointer(record + layout.codeBytes)
    side.storeBytes(of: along > 0 && factor.isFinite ? factor : 0, as: Float.self)
    side.storeBytes(
      of: additive.isFinite ? additive : (isEuclidean ? -.greatestFiniteMagnitude : 0), toByteOffset: 4,
      as: Float.self)
  }

  // MARK: Queries

  /// The form of a query that scores guides.
  ///
  /// - Parameter query: as `VectorEncoder.prepare` takes it.
  /// - Complexity: O(d·224) products of bytes.
  public func prepare(_ query: UnsafePointer<Float>) -> GuideQuery {
    let prepared = GuideQuery(guide: self)
    prepare(query, into: prepared)
    return prepared
  }

  /// The same in the place of another query; allocates nothing.
  func prepare(_ query: UnsafePointer<Float>, into prepared: GuideQuery) {
    prepared.reset(to: self)
    let dimension = dimension
    ThreadScratch.with(Float.self, count: dimension + layout.count) { vector in
      let weights = vector + dimension
      encoder.withMapped(query) { mapped in
        if isEuclidean {
          vector.update(from: mapped, count: dimension)
        } else {
          VectorNorm.normalize(mapped, dimension, into: vector)
          KernelTable.best.scale(vector, queryLength, vector, dimension)
        }
      }
      KernelTable.best.subtract(vector, centre.pointer, vector, dimension)
      queryMap.apply(vector, into: weights)
      var largest: Float = 0
      var middle: Float = 0
      for j in 0..<layout.count {
        weights[j] *= steps.pointer[j]
        // The second cell of a fine direction weighs four times as much.
        largest = max(largest, abs(weights[j]) * (layout.isFine(j) ? 4 : 1))
        middle += weights[j] * layout.middle(j)
      }
      let unit = largest / 127
      guard unit.isNormal, (1 / unit).isFinite, middle.isFinite else { return }
      prepared.scale = unit
      prepared.offset = -middle
      for j in 0..<directions.count {
        let direction = directions[j]
        let weight = weights[j] / unit
        let target = prepared.weights + direction.weightIndex
        target.pointee = weight.nearestInt8
        if layout.isFine(j) {
          target[GuideLayout.lineBytes] = (4 * weight).nearestInt8
        }
      }
    }
  }

  /// The weights that a direction's levels have as a query: Δ_j²·(level − middle) over a unit that all share.
  private static func rowWeights(_ layout: GuideLayout, _ steps: [Float]) -> (Float, [RowWeight]) {
    func exact(_ j: Int, _ level: Int) -> Float { steps[j] * steps[j] * (Float(level) - layout.middle(j)) }
    var largest: Float = 0
    for j in 0..<layout.count { largest = max(largest, -exact(j, 0) * (layout.isFine(j) ? 4 : 1)) }
    let unit = largest / 127
    guard unit.isNormal, (1 / unit).isFinite else {
      return (0, Array(repeating: RowWeight(low: 0, high: 0, middle: 0), count: 16 * layout.count))
    }
    let weights = (0..<layout.count).flatMap { j in
      (0..<16).map { level in
        guard level < layout.levelCount(j) else { return RowWeight(low: 0, high: 0, middle: 0) }
        let weight = exact(j, level) / unit
        return RowWeight(
          low: Int8(weight.rounded(.toNearestOrEven)),
          high: layout.isFine(j) ? Int8((4 * weight).rounded(.toNearestOrEven)) : 0,
          middle: Int32((16 * weight * layout.middle(j)).rounded(.toNearestOrEven)))
      }
    }
    return (unit, weights)
  }

  /// A row as the query, as far as its guide tells.
  func prepare(row: Int) -> GuideQuery {
    let prepared = GuideQuery(guide: self)
    let record = (records + row * layout.bytes).assumingMemoryBound(to: UInt8.self)
    var middle: Int32 = 0
    let fineCount = layout.fineCount
    let weights = prepared.weights
    directions.withUnsafeBufferPointer { directions in
      rowWeights.withUnsafeBufferPointer { rowWeights in
        for j in 0..<directions.count {
          let direction = directions[j]
          let level = record[direction.byte] >> UInt8(truncatingIfNeeded: direction.shift) & direction.mask
          let weight = rowWeights[16 &* j &+ Int(level)]
          weights[direction.weightIndex] = weight.low
          if j < fineCount { weights[direction.weightIndex &+ GuideLayout.lineBytes] = weight.high }
          middle &+= weight.middle
        }
      }
    }
    let factor = UnsafeRawPointer(record + layout.codeBytes).load(as: Float.self) * (isEuclidean ? 0.5 : 1)
    prepared.scale = factor * rowUnit
    prepared.offset = -factor * rowUnit * Float(middle) / 16
    return prepared
  }
}
