public import MoultModel

/// A vector of which only some dimensions are named; all others are zero.
public struct SparseVector: Sendable, Equatable {
  /// Ascending, none twice, none above ``indexMax``.
  public let indices: [UInt32]
  /// As many as indices, finite.
  public let values: [Float]

  /// The largest dimension; as in Milvus, 2³² − 1 is none.
  public static let indexMax = UInt32.max - 1

  /// - Throws: `invalidVector` with the entry, unless indices ascend and values are finite.
  public init(indices: [UInt32], values: [Float]) throws(MoultError) {
    guard indices.count == values.count else {
      throw MoultError(
        .invalidVector,
        "sparse vector: expected as many values as indices (\(indices.count)), got \(values.count)")
    }
    for entry in indices.indices {
      let index = indices[entry]
      guard index <= SparseVector.indexMax else {
        throw SparseVector.invalid(
          entry, index, "the largest index is \(SparseVector.indexMax), less than 2³² − 1")
      }
      if entry > 0, index <= indices[entry - 1] {
        let fault = index == indices[entry - 1] ? "stands twice" : "comes after \(indices[entry - 1])"
        throw SparseVector.invalid(entry, index, "\(fault); indices must ascend")
      }
      guard values[entry].isFinite else {
        throw SparseVector.invalid(entry, index, "the value \(values[entry]) is not a finite number")
      }
    }
    self.indices = indices
    self.values = values
  }

  /// From entries in any order.
  ///
  /// - Throws: `invalidVector` for an index that stands twice or is too large, and for values that are not finite.
  public init(entries: some Sequence<(index: UInt32, value: Float)>) throws(MoultError) {
    let sorted = entries.sorted { $0.index < $1.index }
    try self.init(indices: sorted.map(\.index), values: sorted.map(\.value))
  }

  /// How many dimensions are named.
  public var count: Int { indices.count }

  /// `Σ self[j] · other[j]`, products and sum in double in the order of dimensions, then rounded to float; what is
  /// beyond float becomes its largest number.
  ///
  /// - Complexity: O(m + n).
  public func dot(_ other: SparseVector) -> Float {
    var sum = 0.0
    var (i, j) = (0, 0)
    while i < indices.count, j < other.indices.count {
      if indices[i] == other.indices[j] {
        sum += Double(values[i]) * Double(other.values[j])
        i += 1
        j += 1
      } else if indices[i] < other.indices[j] {
        i += 1
      } else {
        j += 1
      }
    }
    return SparseVector.score(sum)
  }

  /// A score as float, never infinite.
  static func score(_ sum: Double) -> Float {
    let largest = Double(Float.greatestFiniteMagnitude)
    return Float(max(-largest, min(largest, sum)))
  }

  /// Without the `⌊ratio · count⌋` values that are nearest to 0, but for those that equal one that stays. This is
  /// `drop_ratio_search` of Milvus.
  ///
  /// - Parameter ratio: at least 0 and less than 1.
  public func dropping(ratio: Double) -> SparseVector {
    precondition(ratio >= 0 && ratio < 1)
    let dropped = Int(ratio * Double(count))
    guard dropped > 0 else { return self }
    let bar = values.map { abs($0) }.sorted()[dropped]
    let kept = values.indices.filter { abs(values[$0]) >= bar }
    return SparseVector(checked: kept.map { indices[$0] }, kept.map { values[$0] })
  }

  /// Of what is known to be sound.
  init(checked indices: [UInt32], _ values: [Float]) {
    self.indices = indices
    self.values = values
  }

  private static func invalid(_ entry: Int, _ index: UInt32, _ fault: String) -> MoultError {
    MoultError(.invalidVector, "sparse vector: entry \(entry) (index \(index)): \(fault)")
  }
}
