import GRDB
package import MoultModel
import MoultStorage
import Synchronization

extension Engine {
  /// Points that match, at each of the values that a path reaches in their payloads: numbers, and texts that say times,
  /// as microseconds. Points without such a value are left out, and so are values before `from`.
  ///
  /// - Parameters:
  ///   - name: of a collection, or an alias.
  ///   - limit: 1 … 100,000.
  /// - Returns: points of equal values in the order of their ids; as many values as points.
  /// - Throws: `invalidArgument`, `collectionNotFound`, `overloaded`.
  package func query(
    _ name: String, filter: PointFilter?, orderedBy path: ValuePath, descending: Bool, from: Double? = nil,
    limit: Int, includeVectors: Bool, includePayload: Bool
  ) async throws -> (page: PointPage, values: [PointFilter.Scalar]) {
    let collection = try collectionToRead(name, filter: filter, limit: limit)
    let values = Mutex<[PointFilter.Scalar]>([])
    let page = try await read(collection, includeVectors: includeVectors) { db in
      let found = try collection.points.live(
        matching: filter, orderedBy: path, descending: descending, from: from, limit: limit,
        payloads: includePayload, in: db)
      // The last look counts.
      values.withLock { $0 = found.map(\.value) }
      let points = found.map(\.point)
      return includeVectors && includePayload ? try collection.points.withParts(points, in: db) : points
    }
    return (page, values.withLock { $0 })
  }

  /// Points that match, chosen at random, in a random order.
  ///
  /// - Throws: as ``query(_:filter:orderedBy:descending:from:limit:includeVectors:includePayload:)``.
  package func sample(
    _ name: String, filter: PointFilter?, limit: Int, includeVectors: Bool, includePayload: Bool
  ) async throws -> PointPage {
    let collection = try collectionToRead(name, filter: filter, limit: limit)
    return try await read(collection, includeVectors: includeVectors) { db in
      let points = try collection.points.sample(
        matching: filter, limit: limit, payloads: includePayload, in: db)
      return includeVectors && includePayload ? try collection.points.withParts(points, in: db) : points
    }
  }

  private func collectionToRead(_ name: String, filter: PointFilter?, limit: Int) throws -> Collection {
    guard (1...100_000).contains(limit) else {
      throw MoultError(.invalidArgument, "limit must be in 1 … 100000, got \(limit)")
    }
    if let filter { try Self.check(filter) }
    return try aliases.resolveReady(name)
  }
}
