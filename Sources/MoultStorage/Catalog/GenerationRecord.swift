package import MoultModel

/// One form of a collection's vectors: specification, learned encoder, codes, graphs.
package struct GenerationRecord: Sendable, Equatable {
  package enum State: String, Sendable {
    case building
    /// The one that answers.
    case live
    /// Was live; kept for a rollback or until it is deleted.
    case retained
  }

  /// Unique in the data directory, rising, never used again.
  package let id: Int64
  package let collectionID: Int64
  package var specification: EncodingSpecification
  package var state: State
  /// What was measured while it was built: JSON of the engine's.
  package var report: String?
  /// Relative to the data directory; `nil` when nothing was learned.
  package var encoderFile: String?
  /// Milliseconds since 1970.
  package var createdAt: Int64
  /// When it last became live, in milliseconds since 1970.
  package var publishedAt: Int64?
}

/// The files of one sealed segment in one generation, relative to the data directory.
package struct GenerationSegmentRecord: Sendable, Equatable {
  package let generationID: Int64
  package let segmentID: Int64
  /// `nil` when the codes are the vectors themselves.
  package var codesFile: String?
  /// A graph or an inverted file, as its name says (`FileNames.indexKind`).
  package var graphFile: String?
}
