/// A contiguous range of a collection's row numbers and the file with their full-precision vectors.
package struct SegmentRecord: Sendable, Equatable {
  package enum State: String, Sendable {
    case growing
    case sealed
  }

  package let id: Int64
  package let collectionID: Int64
  package let firstRow: Int64
  package let rowCapacity: Int
  /// Rows that are committed.
  package var rowCount: Int
  package var state: State
  /// Relative to the data directory.
  package var file: String

  /// Row numbers in use.
  package var rows: Range<Int64> { firstRow..<firstRow + Int64(rowCount) }
  /// The identity of its vectors, and of its graphs: edges serve any codes of the rows, so that generations
  /// can share a graph by links to one file.
  package var identity: SegmentIdentity {
    SegmentIdentity(collectionID: collectionID, segmentID: id, firstRow: firstRow)
  }

  /// The identity of this segment's codes in a generation.
  package func identity(inGeneration generationID: Int64) -> SegmentIdentity {
    SegmentIdentity(
      collectionID: collectionID, generationID: generationID, segmentID: id, firstRow: firstRow)
  }
}
