import MoultModel

/// A part of a collection's rows.
package struct SegmentSummary: Sendable, Equatable {
  package var id: Int64
  /// Rows that are there, dead ones left out.
  package var rowCount: Int
  /// Whether no rows are added any more.
  package var isSealed: Bool
  /// Of vectors in full precision, dead ones included.
  package var vectorBytes: Int
}

extension Engine {
  /// The segments of a collection, or of one of its vector fields, in the order of their rows.
  ///
  /// - Throws: `collectionNotFound`.
  package func segments(of name: String) throws -> [SegmentSummary] {
    let collection = try aliases.resolveReady(name)
    let rowBytes = collection.schema.dimension * (collection.schema.elementType == .float16 ? 2 : 4)
    return collection.snapshot.segments.map { segment in
      SegmentSummary(
        id: segment.id, rowCount: segment.live.liveCount, isSealed: segment.isSealed,
        vectorBytes: segment.count * rowBytes)
    }
  }
}
