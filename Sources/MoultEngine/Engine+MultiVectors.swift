import Foundation
import MoultCompute
package import MoultModel
import MoultStorage
import Synchronization

/// Vectors of many rows, which points have as parts of their payloads: no other search reads them.
extension Engine {
  /// Bytes of vectors that are compared at a time with 256 rows; fewer with more: whether the search is still wanted is
  /// only looked at in between.
  private static let scannedBytes = 8 << 20
  private static let scannedBytesMin = 1 << 16

  /// The similarity of two vectors of many rows; see ``MultiVectorSearch``.
  ///
  /// - Precondition: both have whole rows, at least one.
  package static func maxSim(
    _ query: [Float], _ document: [Float], dimension: Int, _ similarity: MultiVectorSearch.Similarity
  ) -> Float { MaxSim.score(query, document, dimension: dimension, similarity) }

  /// Points by the similarity of their vectors to examples, best first; of one state of the collection.
  ///
  /// - Throws: `dimensionMismatch`, `invalidVector`, `invalidArgument`, `tooLarge`, `collectionNotFound`,
  ///   `collectionNotReady`, `overloaded`; `CancellationError` at once when the task is cancelled.
  package func search(_ request: MultiVectorSearch, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try request.check()
    try SearchWindow(queryCount: 1, limit: request.limit, offset: 0, filter: request.filter).check()
    try resources.admission.enter()
    let isGivenUp = Flag()
    return try await withTaskCancellationHandler {
      try await resources.searching.runUntilCancelled(ended: resources.admission.leave) { [resources] in
        let parallel = resources.searching.parallelFor
        return try resources.directory.read { db in
          var scan = MultiVectorScan(request)
          var documents: [MultiVectorScan.Document] = []
          var bytes = 0
          let batchBytes = max(
            Self.scannedBytesMin, Self.scannedBytes / max(1, request.exampleRowCount / 256))
          // Short rows cost more than their numbers.
          let costOfByte = max(1, 64 / request.dimension)
          try collection.points.eachPart(number: request.part, matching: request.filter, in: db) {
            row, data in
            // What is no vector of this dimension was not stored as one.
            guard data.count > 0, data.count.isMultiple(of: 4 * request.dimension) else { return true }
            documents.append(.init(row: row, values: Self.floats(data)))
            bytes += data.count * costOfByte
            guard bytes >= batchBytes else { return true }
            scan.take(documents, parallel: parallel)
            (documents, bytes) = ([], 0)
            return !isGivenUp.isSet
          }
          scan.take(documents, parallel: parallel)
          let found = scan.neighbors()
          let stored = try collection.points.points(
            rows: found.map(\.row), payloads: request.includePayload, in: db)
          let hits = found.compactMap { neighbor in
            stored[neighbor.row].map { SearchHit(id: $0.id, score: neighbor.score, payload: $0.payload) }
          }
          return SearchResponse(hits: [hits], servedBy: collection.servedBy(collection.snapshot))
        }
      }
    } onCancel: {
      isGivenUp.set()
    }
  }

  /// Takes a part out of the payloads of all points: what they had under a name that is gone.
  package func dropParts(number: Int, of name: String) async throws {
    let collection = try aliases.resolveReady(name)
    while true {
      let count = try await resources.directory.write { db in
        try collection.points.deleteParts(number: number, in: db)
      }
      guard count > 0 else { return }
    }
  }

  /// How many points have a part of this number.
  package func partCount(number: Int, of name: String) async throws -> Int {
    let collection = try aliases.resolveReady(name)
    return try await resources.directory.read { db in
      try collection.points.partCount(number: number, in: db)
    }
  }

  /// Of little-endian float32, as every machine that Moult runs on has them.
  private static func floats(_ data: Data) -> [Float] {
    [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
      count = data.copyBytes(to: UnsafeMutableRawBufferPointer(buffer)) / 4
    }
  }

  private final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
  }
}
