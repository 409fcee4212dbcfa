/// Names of files, relative to the data directory.
package enum FileNames {
  static let collections = "collections"

  package static func directory(ofCollection id: Int64) -> String { "\(collections)/\(id)" }

  /// Full-precision vectors of a segment.
  package static func vectors(collection: Int64, segment: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).vectors"
  }

  package static func codes(collection: Int64, segment: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).generation-\(generation).codes"
  }

  package static func graph(collection: Int64, segment: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/segment-\(segment).generation-\(generation).graph"
  }

  package static func encoder(collection: Int64, generation: Int64) -> String {
    "\(directory(ofCollection: collection))/generation-\(generation).encoder"
  }

  /// Whether a file of this name is one that Moult writes, finished or not.
  static func isOurs(_ name: String) -> Bool {
    [".vectors", ".codes", ".graph", ".encoder", partialSuffix].contains { name.hasSuffix($0) }
  }
}
