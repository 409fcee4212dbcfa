/// A range of a collection's row numbers and the file with their full-precision vectors.
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
  /// Where a merge left rows out: which ones the segment holds. `nil`: all of its range.
  package var rowsFile: String?
  /// Row numbers of a merged segment's range, left out ones included.
  package var mergedSpan: Int64?

  /// Row numbers in use, left out ones included.
  package var rowSpan: Int64 { mergedSpan ?? Int64(rowCount) }
  package var rows: Range<Int64> { firstRow..<firstRow + rowSpan }
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
