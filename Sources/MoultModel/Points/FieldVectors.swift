/// The vectors of one field in a batch of points.
public struct FieldVectors: Sendable, Equatable {
  /// `count × dimension`, row-major; what stands where a point has none is not looked at.
  public var vectors: [Float]
  public var dimension: Int
  /// Points of the batch that have no vector in this field, by their place, rising.
  public var absent: [Int]

  /// Numbers of one field in a batch at most, those of points without a vector included.
  public static let numbersMax = 1 << 27

  /// - Throws: `tooLarge` for more than that.
  public static func requireRoom(count: Int, dimension: Int) throws(MoultError) {
    let (numbers, overflows) = count.multipliedReportingOverflow(by: dimension)
    guard !overflows, numbers <= numbersMax else {
      throw MoultError(
        .tooLarge,
        "a batch takes \(numbersMax) numbers a vector field, and \(count) points of \(dimension) dimensions are more; send "
          + "fewer points a request")
    }
  }

  public init(vectors: [Float], dimension: Int, absent: [Int] = []) {
    self.vectors = vectors
    self.dimension = dimension
    self.absent = absent
  }

  /// One vector a point, `nil` where it has none.
  public init(_ vectors: [[Float]?], dimension: Int) {
    self.init(vectors: [], dimension: dimension)
    self.vectors.reserveCapacity(vectors.count * dimension)
    for (place, vector) in vectors.enumerated() {
      if vector == nil { absent.append(place) }
      self.vectors += vector ?? [Float](repeating: 0, count: dimension)
    }
  }

  /// No point has one.
  package static func none(_ count: Int, _ dimension: Int) -> FieldVectors {
    FieldVectors(
      vectors: [Float](repeating: 0, count: count * dimension), dimension: dimension, absent: Array(0..<count)
    )
  }

  /// With zeros where there is no vector.
  package var filled: FieldVectors {
    var filled = self
    for place in absent {
      for entry in place * dimension..<(place + 1) * dimension { filled.vectors[entry] = 0 }
    }
    return filled
  }
}
