import GRDB
import MoultModel
import MoultStorage

extension CollectionWriter {
  /// What many batches have put into one field.
  private struct Kept {
    var writer: CollectionWriter
    /// Places behind the rows, and checksums of them, by segment.
    var segments: [Int64: (places: Range<Int>, checksums: [VectorChecksum])] = [:]
    var absent: [Int64] = []

    mutating func add(_ stored: Stored) {
      for (placement, checksums) in zip(stored.placements, stored.checksums) {
        let id = stored.snapshot.segments[placement.segmentIndex].id
        let places = placement.at..<placement.at + placement.points.count
        let known = segments[id] ?? (places, [])
        segments[id] = (known.places.lowerBound..<places.upperBound, known.checksums + checksums)
      }
      absent += stored.absent
    }

    /// - Parameter died: rows of the collection.
    func publish(died: [Int64], nextRow: Int64) {
      var snapshot = writer.collection.snapshot
      for (id, kept) in segments {
        guard let index = snapshot.segments.firstIndex(where: { $0.id == id }) else { continue }
        snapshot.segments[index].count = kept.places.upperBound
        snapshot.segments[index].live = snapshot.segments[index].live.changed(
          adding: kept.places, removing: [])
      }
      snapshot.kill(rows: died + absent)
      writer.collection.publish(snapshot, nextRow: nextRow)
    }
  }

  /// Stores all points that are staged: durable at one moment, visible at one moment to whoever reads. Those of the same
  /// key replace each other in their order. Where the collection gives out keys, these follow each other.
  ///
  /// Vectors go to their files first, batch by batch; one transaction then takes keys and payloads. In memory there is
  /// one batch at a time, a few bytes for each point that is replaced, and the codes of all, which get to their files with
  /// their segments.
  ///
  /// - Parameters:
  ///   - staged: points that `PointValidation` has passed.
  ///   - complete: the end of the transaction. When it throws nothing is stored.
  /// - Throws: `corrupted` for a staged file that is damaged; what a write throws; what `complete` throws.
  func write(
    _ staged: StagedPoints, publication: PublicationLock, checkCancellation: () throws -> Void,
    complete: (Database) throws -> Void
  ) throws {
    let firstRow = collection.nextRow
    let firstKey = collection.nextKey
    let givesKeys = schema.automaticKeys
    let maker = try TextVectorMaker(collection.textVectors)
    // The first field's last: whoever finds a row there finds it in the others.
    var kept = (collection.fields.map(writer(of:)) + [self]).map { Kept(writer: $0) }
    var syncs: [Errand] = []
    defer { for sync in syncs { try? sync.wait() } }
    var nextRow = firstRow
    try staged.forEachVectors { batch in
      try checkCancellation()
      // Fields may have come and gone since the batch was looked at.
      try PointValidation.checkShapes(ofFieldsIn: batch, collection)
      for index in kept.indices {
        let writer = kept[index].writer
        let isFirst = writer.collection.id == collection.id
        let vectors =
          isFirst
          ? FieldVectors(vectors: batch.vectors, dimension: batch.dimension)
          : batch.fields[writer.schema.vectorField]?.filled ?? .none(batch.count, writer.schema.dimension)
        kept[index].add(
          try writer.store(
            vectors.vectors,
            norms: try writer.inverseNorms(of: vectors.vectors, absent: vectors.absent, batch: batch),
            absent: vectors.absent, firstRow: nextRow, syncs: &syncs))
      }
      nextRow += Int64(batch.count)
    }
    let count = nextRow - firstRow
    let died = try publication.commit(directory) { [kept, syncs] db in
      let sequence = try directory.catalog.advance(
        collection: collection.id, rows: count, sequences: 1, in: db)
      if givesKeys {
        try directory.catalog.reserveKeys(below: firstKey + count, collection: collection.id, in: db)
      }
      for (id, segment) in kept.flatMap(\.segments) {
        try directory.catalog.updateSegment(id, rowCount: segment.places.upperBound, in: db)
        try directory.catalog.record(segment.checksums, of: id, in: db)
      }
      var died: [Int64] = []
      var done: Int64 = 0
      try staged.forEachKeys { ids, payloads, count in
        died += try collection.points.insert(
          firstRow: firstRow + done,
          ids: givesKeys ? collection.keys(first: firstKey + done, count: count) : ids,
          payloads: maker.filled(payloads), sequence: sequence, replaceExisting: true, in: db)
        done += Int64(count)
      }
      // The commit must not reach the disk before the rows.
      for sync in syncs { try sync.wait() }
      try complete(db)
      return died
    } publish: { died in
      if givesKeys { collection.reserveKeys(below: firstKey + count) }
      collection.publishTogether {
        for kept in kept { kept.publish(died: died, nextRow: nextRow) }
      }
    }
    for kept in kept {
      kept.writer.prepareToSeal()
      kept.writer.sealRipeSegments()
      if !died.isEmpty || !kept.absent.isEmpty { onDied(kept.writer.collection) }
    }
  }
}
