import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Makes one sealed segment of several neighbouring ones, or of one with many dead rows: live rows only, codes
/// copied, indexes built anew. Rows keep their numbers, so points, watermarks and tombstones are as they were.
///
/// Files first, then one transaction that exchanges the segments, then the snapshot. Rows that die meanwhile are
/// dead in the new segment too; until the transaction nothing has changed, and what a crash leaves are files that
/// the next start sweeps.
struct SegmentMerge: Sendable {
  let resources: EngineResources
  let collection: Collection
  let context: JobContext
  /// Neighbours, in the order of their rows.
  let sources: [SegmentView]
  let pace: Pace

  private var directory: DataDirectory { resources.directory }
  /// Rows that are copied between two looks at whether to stop.
  private static let blockRows = 8_192

  /// Where the rows of the new segment come from.
  private struct Survivors: Sendable {
    /// Places in each source, rising.
    var places: [[UInt32]]
    /// Row numbers, one list through all sources.
    var rows: [Int64]

    var count: Int { rows.count }
  }

  func run() async throws {
    let snapshot = collection.snapshot
    let survivors = survivors(of: snapshot)
    guard survivors.count > 0 else { return try await publish(nil, survivors: survivors) }
    let id = try await resources.writing.run {
      try directory.write { db in try directory.catalog.reserveSegment(in: db) }
    }
    let merged: Merged
    do {
      merged = try await resources.background.run {
        try verifySources(of: snapshot)
        return try write(id, survivors, of: snapshot)
      }
    } catch {
      try? directory.removeFiles(ofSegment: id, collection: collection.id)
      throw error
    }
    // From here on a failure leaves the files to the next start: it may not tell whether they are named.
    try await publish(merged, survivors: survivors)
  }

  /// A copy of damaged bytes would get a checksum that is right.
  private func verifySources(of snapshot: CollectionSnapshot) throws {
    for source in sources {
      if case .sealed(let file) = source.storage { try file.verify() }
      for generation in snapshot.openGenerations {
        if case .file(let codes)? = generation.codes[source.id] { try codes.file.verify() }
        try context.checkCancellation()
      }
    }
  }

  /// Rows that are live now. Those that die while the merge goes on are copied and marked at the end.
  private func survivors(of snapshot: CollectionSnapshot) -> Survivors {
    var survivors = Survivors(places: [], rows: [])
    for source in sources {
      let live = snapshot.segments.first { $0.id == source.id }?.live ?? source.live
      let places = (0..<source.count).filter { live.contains($0) }.map { UInt32($0) }
      survivors.rows += places.map { source.rows[Int($0)] }
      survivors.places.append(places)
    }
    return survivors
  }

  // MARK: Files

  private struct Merged: Sendable {
    var segment: SegmentView
    var rowsFile: String?
    var checksums: [VectorChecksum]
    var generations: [Int64: Files]

    struct Files: Sendable {
      var codes: SegmentCodes
      var codesPath: String?
      var index: SegmentIndex?
      var indexPath: String?
    }
  }

  private func write(_ id: Int64, _ survivors: Survivors, of snapshot: CollectionSnapshot) throws -> Merged {
    let firstRow = sources[0].firstRow
    let last = sources[sources.count - 1]
    let span = last.rows.end(count: last.count) - firstRow
    let identity = SegmentIdentity(collectionID: collection.id, segmentID: id, firstRow: firstRow)
    let encoder = collection.identityEncoder
    let path = directory.absolutePath(FileNames.vectors(collection: collection.id, segment: id))
    let writer = try SegmentWriter(
      path: path, kind: .vectors, identity: identity, rowCount: survivors.count, rowStride: encoder.rowBytes,
      sideStride: encoder.sideBytes, fileSystem: directory.fileSystem)
    try copy(survivors, to: writer, phase: "merge") { $0.vectors }
    _ = try writer.finish()
    let vectors = try SegmentFile(
      path: path, kind: .vectors, identity: identity, fileSystem: directory.fileSystem)
    vectors.trust()

    let (rows, rowsFile) = try SegmentRows.write(
      survivors.rows, span: span, identity: identity, in: directory)
    var merged = Merged(
      segment: SegmentView(
        id: id, rows: rows, count: survivors.count, capacity: survivors.count,
        live: LiveBitmap(capacity: survivors.count, live: survivors.count, except: []),
        storage: .sealed(vectors)),
      rowsFile: rowsFile,
      checksums: VectorChecksum.of(
        rows: vectors.rows, rowStride: vectors.rowStride, side: vectors.side, sideStride: vectors.sideStride,
        count: survivors.count, at: 0),
      generations: [:])
    var guides: [(space: GraphSpace, guide: SegmentGuide)] = []
    for generation in snapshot.openGenerations {
      let space = GraphSpace(generation.specification)
      let guide = guides.first { $0.space == space }?.guide ?? SegmentGuide()
      guides.append((space, guide))
      merged.generations[generation.id] = try write(
        generation, survivors, merged.segment, of: snapshot, guide: guide)
    }
    return merged
  }

  private func write(
    _ generation: GenerationView, _ survivors: Survivors, _ segment: SegmentView,
    of snapshot: CollectionSnapshot, guide: SegmentGuide
  ) throws -> Merged.Files {
    let files = GenerationFiles(
      directory: directory, collectionID: collection.id, generationID: generation.id)
    var made = Merged.Files(codes: .vectors)
    if !generation.specification.isIdentity {
      let writer = try files.codesWriter(segment, encoder: generation.encoder)
      try copy(survivors, to: writer, phase: "merge codes") { snapshot.codes(of: generation, segment: $0) }
      _ = try writer.finish()
      made.codesPath = files.codesPath(segment)
      made.codes = .file(
        CodeFile(try files.openCodes(files.codesPath(segment), segment: segment, encoder: generation.encoder))
      )
    }
    let codes: CodeView =
      if case .file(let file) = made.codes { file.file.codeView } else { segment.vectors }
    made.index = try SegmentIndexBuild(
      files: files, context: context, identity: collection.identityEncoder,
      parallel: pace.paced(resources.background.parallelFor)
    ).run(
      generation.specification.index.kind(rowCount: segment.count), of: segment, encoder: generation.encoder,
      codes: codes, guide: guide)
    made.indexPath = made.index.map { files.path(of: $0, segment) }
    return made
  }

  /// Appends the surviving rows of all sources, run by run.
  private func copy(
    _ survivors: Survivors, to writer: SegmentWriter, phase: String, _ codes: (SegmentView) -> CodeView
  ) throws {
    for (source, places) in zip(sources, survivors.places) {
      let view = codes(source)
      var first = 0
      while first < places.count {
        var end = first + 1
        while end < places.count, end - first < Self.blockRows, places[end] == places[end - 1] + 1 {
          end += 1
        }
        let start = Int(places[first])
        pace.begin(rows: end - first)
        try writer.append(
          rows: view.rows + start * view.rowStride, side: view.side.map { $0 + start * view.sideStride },
          count: end - first)
        first = end
        try context.checkCancellation()
      }
      try context.reportProgress(
        phase: phase, rowsDone: Int64(writer.count), rowsTotal: Int64(survivors.count))
    }
  }

  // MARK: Exchange

  private func publish(_ merged: Merged?, survivors: Survivors) async throws {
    let ids = Set(sources.map(\.id))
    let obsolete = try await collection.writers.run {
      try await resources.writing.run {
        var snapshot = collection.snapshot
        guard snapshot.segments.lazy.filter({ ids.contains($0.id) }).count == ids.count else {
          throw MoultError(.internalError, "segments to merge are gone from '\(collection.name)'")
        }
        if let merged, !snapshot.openGenerations.allSatisfy({ merged.generations[$0.id] != nil }) {
          throw MoultError(.internalError, "'\(collection.name)' got a generation while segments were merged")
        }
        let obsolete = try record(merged, in: snapshot)
        snapshot.exchange(ids, for: merged.map { segment($0.segment, diedMeanwhileIn: snapshot, survivors) })
        for generation in snapshot.openGenerations {
          snapshot.updateGeneration(generation.id) { view in
            for id in ids {
              view.codes[id] = nil
              view.indexes[id] = nil
            }
            guard let merged, let files = merged.generations[generation.id] else { return }
            view.codes[merged.segment.id] = files.codes
            view.indexes[merged.segment.id] = files.index
          }
        }
        collection.publish(snapshot)
        return obsolete
      }
    }
    // Readers of a moment ago keep their mappings; only the names go.
    try? directory.removeFiles(obsolete)
  }

  /// The new segment with what died since its rows were copied.
  private func segment(
    _ segment: SegmentView, diedMeanwhileIn snapshot: CollectionSnapshot, _ survivors: Survivors
  ) -> SegmentView {
    var dead: [Int] = []
    var first = 0
    for (source, places) in zip(sources, survivors.places) {
      let live = snapshot.segments.first { $0.id == source.id }!.live
      for (index, place) in places.enumerated() where !live.contains(Int(place)) {
        dead.append(first + index)
      }
      first += places.count
    }
    var segment = segment
    segment.live = segment.live.changed(removing: dead)
    return segment
  }

  private func record(_ merged: Merged?, in snapshot: CollectionSnapshot) throws -> [String] {
    try directory.write { db in
      guard let merged else {
        return try sources.flatMap { try directory.catalog.deleteSegment($0.id, in: db) }
      }
      let last = sources[sources.count - 1]
      let obsolete = try directory.catalog.insertMergedSegment(
        merged.segment.id, of: collection.id, replacing: sources.map(\.id),
        rows: sources[0].firstRow..<last.rows.end(count: last.count), rowCount: merged.segment.count,
        rowsFile: merged.rowsFile, in: db)
      try directory.catalog.record(merged.checksums, of: merged.segment.id, in: db)
      for generation in snapshot.openGenerations {
        guard let files = merged.generations[generation.id],
          files.codesPath != nil || files.indexPath != nil
        else { continue }
        try directory.catalog.recordCodes(
          generation: generation.id, segment: merged.segment.id, codesFile: files.codesPath,
          graphFile: files.indexPath, in: db)
      }
      return obsolete
    }
  }
}

extension CollectionSnapshot {
  /// Puts one segment, or none, in the place of several neighbours.
  fileprivate mutating func exchange(_ ids: Set<Int64>, for merged: SegmentView?) {
    let place = segments.firstIndex { ids.contains($0.id) }!
    segments.removeAll { ids.contains($0.id) }
    if let merged { segments.insert(merged, at: place) }
  }
}
