/// The vectors of one field in a batch of points.
public struct FieldVectors: Sendable, Equatable {
  /// `count × dimension`, row-major; what stands where a point has none is not looked at.
  public var vectors: [Float]
  public var dimension: Int
  /// Points of the batch that have no vector in this field, by their place, rising.
  public var absent: [Int]

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
}
