/// Names of files, relative to the data directory.
package enum FileNames {
  static let collections = "collections"
  static let database = "moult.sqlite"
  /// See `EmbeddingCache`.
  static let embeddings = "embeddings.sqlite"

  /// See `EmbeddingLog`.
  static let embeddingLogs = "embeddings"
  private static let embeddingLogSuffix = ".log"

  static func embeddingLog(_ number: Int64) -> String { "\(embeddingLogs)/\(number)\(embeddingLogSuffix)" }

  static func number(ofEmbeddingLog name: String) -> Int64? {
    guard name.hasSuffix(embeddingLogSuffix), let number = Int64(name.dropLast(embeddingLogSuffix.count)),
      number > 0
    else { return nil }
    return number
  }

  /// Second names of files that backups are reading, a directory a backup.
  static let backups = "backups"

  static func backup(_ number: Int) -> String { "\(backups)/\(number)" }

  /// See `StagedPoints`.
  static let imports = "imports"
  static let importSuffix = ".staged"

  static func importFile(of job: Int64) -> String { "\(imports)/\(job)\(importSuffix)" }

  package static func directory(ofCollection id: Int64) -> String { "\(collections)/\(id)" }

  /// Full-precision vectors of a segment.
  package static func vectors(collection: Int64, segment: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).vectors"
  }

  /// Row numbers of a merged segment.
  package static func rows(collection: Int64, segment: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).rows"
  }

  package static func codes(collection: Int64, segment: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).generation-\(generation).codes"
  }

  package static func graph(collection: Int64, segment: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).generation-\(generation).graph"
  }

  package static func invertedFile(collection: Int64, segment: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).generation-\(generation)\(invertedFileSuffix)"
  }

  private static let invertedFileSuffix = ".ivf"

  /// What an index file of that name holds: the catalog has one column for both kinds.
  package static func indexKind(ofFile path: String) -> SegmentHeader.Kind {
    path.hasSuffix(invertedFileSuffix) ? .invertedFile : .graph
  }

  package static func encoder(collection: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/generation-\(generation).encoder"
  }

  /// What the names of a segment's files begin with, inside the collection's directory.
  static func prefix(ofSegment id: Int64) -> String { "segment-\(id)." }

  /// Whether a file of this name is one that Moult writes, finished or not.
  static func isOurs(_ name: String) -> Bool {
    [".vectors", ".rows", ".codes", ".graph", invertedFileSuffix, ".encoder", partialSuffix].contains {
      name.hasSuffix($0)
    }
  }
}
