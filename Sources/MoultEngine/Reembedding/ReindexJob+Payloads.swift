import MoultJobs
import MoultModel
import MoultStorage

/// Whether the copy has the points of its source, id by id and payload by payload.
extension ReindexJob {
  struct PayloadDigests: Sendable {
    var source: FollowingDigest
    var target: FollowingDigest
  }

  /// Of all that was copied so far, on both sides.
  func payloadDigests(_ checkpoint: Checkpoint, _ target: Collection) async throws -> PayloadDigests? {
    guard let embedding else { return nil }
    let text = embedding.pass.text
    let leavesOut = embedding.order.missing != .fail
    let digests = PayloadDigests(
      source: FollowingDigest(source) { point in
        guard leavesOut, case .none = text.text(of: point) else { return false }
        return true
      }, target: FollowingDigest(target))
    try context.reportProgress(phase: "compare payloads", rowsDone: 0, rowsTotal: 0)
    return try await advanced(digests, checkpoint, isPaced: true)
  }

  /// With what was copied since, while others write.
  ///
  /// - Parameter isPaced: not where it catches up: a slow one would never get there.
  func advanced(
    _ digests: PayloadDigests?, _ checkpoint: Checkpoint, isPaced: Bool = false
  ) async throws -> PayloadDigests? {
    guard let digests else { return nil }
    return try await resources.background.run {
      var digests = digests
      try advance(&digests, checkpoint) { rows in
        if isPaced { pace.begin(rows: rows) }
        try context.checkCancellation()
      }
      return digests
    }
  }

  /// Compares source and target as they are. While nobody writes to either.
  ///
  /// - Throws: `recallGateFailed` when they differ.
  func comparePayloads(
    _ digests: PayloadDigests, _ checkpoint: Checkpoint
  ) throws -> PayloadComparison {
    var digests = digests
    try advance(&digests, checkpoint) { _ in }
    var expected = digests.source.digest
    let (own, other) = (source.points, digests.target.collection.points)
    let refused = (checkpoint.embedding?.setAside ?? []).flatMap { text in
      [PointID.string(text)] + (Int64(text).map { [PointID.int64($0)] } ?? [])
    }
    let leftOut = try resources.directory.read { db -> [StoredPoint] in
      let rows = try own.rows(ids: refused, in: db)
      let copied = try other.rows(ids: Array(rows.keys), in: db)
      let left = rows.filter { copied[$0.key] == nil }.values
      return Array(try own.points(rows: left, payloads: true, in: db).values)
    }
    for point in leftOut where !digests.source.isLeftOut(point) { expected.remove(point) }
    let found = digests.target.digest
    guard expected == found else {
      throw MoultError(
        .recallGateFailed,
        "ids and payloads of '\(source.name)' and its copy differ: \(expected.points) points with digest "
          + "\(expected.text), and \(found.points) with \(found.text); nothing was changed. Start the job again; if it "
          + "happens again, look at both with `moult verify`")
    }
    return PayloadComparison(points: found.points, digest: found.text)
  }

  private func advance(
    _ digests: inout PayloadDigests, _ checkpoint: Checkpoint, page: (Int) throws -> Void
  ) throws {
    let directory = resources.directory
    let id = digests.target.collection.id
    let target = try directory.read { db in try directory.catalog.collection(id, in: db) }
    try digests.source.advance(
      toRow: checkpoint.row, sequence: checkpoint.sequence, in: directory, page: page)
    try digests.target.advance(
      toRow: target.nextRow - 1, sequence: target.nextSequence - 1, in: directory, page: page)
  }
}
