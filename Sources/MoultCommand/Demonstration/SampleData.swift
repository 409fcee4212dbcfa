internal import Foundation

/// The bundled sample: 10,000 WordNet glosses as 384-dimensional embeddings.
struct SampleData: Sendable {
  static let relativePath = "Examples/data/wordnet-10k"

  let directory: String

  var vectors: String { directory + "/base.npy" }
  var payload: String { directory + "/payload.jsonl.gz" }
  var queries: String { directory + "/queries.npy" }
  var truth: String { directory + "/gt.npy" }

  /// - Parameter directory: `nil` looks in the current folder and above the program's own.
  init(directory: String?) throws {
    let candidates = directory.map { [$0] } ?? Self.candidates
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0 + "/base.npy") })
    else {
      throw CommandFailure(
        .failure, "the sample data are not in \(candidates.map { "'\($0)'" }.joined(separator: ", "))",
        next: "run it in Moult's repository, or give --sample DIR")
    }
    self.directory = found
  }

  private static var candidates: [String] {
    var folder = URL(fileURLWithPath: ServerProcess.ownExecutable).deletingLastPathComponent()
    var candidates = [relativePath]
    for _ in 0..<4 {
      folder = folder.deletingLastPathComponent()
      candidates.append(folder.appendingPathComponent(relativePath).path)
    }
    return candidates
  }
}
