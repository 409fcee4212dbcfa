/// What a repair found, did, and could not do.
package struct RepairReport: Sendable, Codable, Equatable {
  /// Points whose full-precision vectors are gone.
  package struct Loss: Sendable, Codable, Equatable {
    package var collection: String
    package var file: String
    package var ids: [String]
    /// Whether they were deleted; otherwise the file is as it was.
    package var accepted: Bool
  }

  /// What was wrong, file by file.
  package var found: [String] = []
  /// Files that were made anew, relative to the data directory.
  package var rebuilt: [String] = []
  package var lost: [Loss] = []
  /// Generations that went, and what stands in their place.
  package var notes: [String] = []
  /// What is still wrong.
  package var remaining: [String] = []
}
