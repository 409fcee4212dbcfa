import Foundation
import GRDB
import MoultModel

extension BackupManifest {
  /// What the catalog says, of one state of the database. Unfinished generations are left out, and so are unfinished
  /// collections.
  ///
  /// - Parameters:
  ///   - names: of collections; `nil` for all.
  ///   - strides: of a growing segment, from its file's header.
  /// - Throws: `collectionNotFound`, `collectionNotReady`.
  init(
    reading names: Set<String>?, catalog: Catalog, in db: Database,
    strides: (SegmentRecord) throws -> Segment.Strides
  ) throws {
    let present = try catalog.collections(in: db)
    if let missing = names?.subtracting(present.map(\.name)).min() {
      throw MoultError(.collectionNotFound, "there is no collection '\(missing)'")
    }
    let chosen = Set(present.lazy.filter { names?.contains($0.name) ?? true }.map(\.id))
    var records = present.filter { chosen.contains($0.parentID ?? $0.id) }
    if names != nil, let unfinished = records.first(where: { $0.state != .live }) {
      throw MoultError(
        .collectionNotReady, "collection '\(unfinished.name)' is still being built; wait for its job")
    }
    let unfinished = Set(records.lazy.filter { $0.state != .live }.map(\.id))
    records.removeAll { unfinished.contains($0.parentID ?? $0.id) }
    createdAt = catalog.now()
    // Made by the engine, which has not opened every database.
    let hasEmbedders = try db.tableExists("embedders")
    let embedderNames = hasEmbedders ? try catalog.embedderNames(in: db) : [:]
    collections = try records.map { record in
      let segments = try catalog.segments(of: record.id, in: db)
      return Collection(
        id: record.id, name: record.name, parent: record.parentID, schema: record.schema,
        nextRow: record.nextRow,
        nextSequence: record.nextSequence, nextKey: record.nextKey, createdAt: record.createdAt,
        currentGeneration: record.currentGeneration, previousGeneration: record.previousGeneration,
        segments: try segments.map { segment in
          Segment(
            id: segment.id, firstRow: segment.firstRow, rowCapacity: segment.rowCapacity,
            rowCount: segment.rowCount, mergedSpan: segment.mergedSpan,
            hasRowsFile: segment.rowsFile != nil,
            growing: segment.state == .growing ? try strides(segment) : nil)
        },
        generations: try Self.generations(of: record, segments: segments, catalog: catalog, in: db),
        embedder: embedderNames[record.id])
    }
    let byID = Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0.name) })
    let used = Set(collections.compactMap(\.embedder))
    embedders = hasEmbedders ? try catalog.embedders(in: db).filter { used.contains($0.name) } : []
    aliases = [:]
    for alias in try catalog.aliases(in: db) { aliases[alias.name] = byID[alias.collectionID] }
  }

  private static func generations(
    of record: CollectionRecord, segments: [SegmentRecord], catalog: Catalog, in db: Database
  ) throws -> [Generation] {
    let sealed = Set(segments.lazy.filter { $0.state == .sealed }.map(\.id))
    return try catalog.generations(of: record.id, in: db).filter { $0.state != .building }.map { generation in
      Generation(
        id: generation.id, specification: generation.specification, report: generation.report,
        createdAt: generation.createdAt, publishedAt: generation.publishedAt,
        hasEncoder: generation.encoderFile != nil,
        files: try catalog.generationSegments(of: generation.id, in: db).filter {
          sealed.contains($0.segmentID)
        }.map { built in
          Generation.Files(
            segment: built.segmentID, hasCodes: built.codesFile != nil,
            index: built.graphFile.map { FileNames.indexKind(ofFile: $0) == .graph ? .graph : .ivf })
        })
    }
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self))
  }

  /// - Throws: `unsupportedVersion`; `corrupted` for what no server would have written.
  init(decoding bytes: [UInt8]) throws {
    struct Version: Decodable { var format: Int }
    do {
      let version = try JSONDecoder().decode(Version.self, from: Data(bytes)).format
      guard version == Self.formatVersion else {
        throw MoultError(
          .unsupportedVersion,
          "the backup has format \(version), this Moult reads \(Self.formatVersion): use the newer moult")
      }
      self = try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw MoultError(.corrupted, "the manifest cannot be read: \(error)")
    }
    try check()
  }

  // MARK: Checks

  /// Every number is in range and every reference leads somewhere, so that what follows can compute with them.
  private func check() throws {
    try require(Set(collections.map(\.id)).count == collections.count, "collections of different numbers")
    try require(Set(collections.map(\.name)).count == collections.count, "collections of different names")
    for collection in collections { try check(collection) }
    var before: [Int64: Collection] = [:]
    for collection in collections {
      try checkName(collection, before: before)
      before[collection.id] = collection
    }
    let embedders = embedders ?? []
    try require(Set(embedders.map(\.name)).count == embedders.count, "embedders of different names")
    for embedder in embedders {
      do { try embedder.validate() } catch {
        try require(false, "an embedder, got one of which is said: \(error.message.prefix(300))")
      }
    }
    for collection in collections {
      guard let name = collection.embedder else { continue }
      try require(
        embedders.contains { $0.name == name && $0.dimension == collection.schema.dimension },
        "an embedder '\(name.prefix(100))' of the dimension of '\(collection.name.prefix(100))'")
    }
    for (alias, collection) in aliases {
      try require(
        Name.faultOfQualified(alias) == nil
          && Name.parts(of: alias).database == Name.parts(of: collection).database
          && collections.contains { $0.name == collection && $0.parent == nil }
          && !collections.contains { $0.name == alias }, "alias '\(alias.prefix(100))' of a collection")
    }
  }

  private func require(_ condition: Bool, _ expected: String) throws {
    if !condition { throw MoultError(.corrupted, "the manifest: expected \(expected)") }
  }

  private func checkName(_ collection: Collection, before: [Int64: Collection]) throws {
    let name = "'\(collection.name.prefix(100))'"
    guard let parent = collection.parent else {
      return try require(
        Name.faultOfQualified(collection.name) == nil, "the name of a collection, got \(name)")
    }
    let field = collection.schema.vectorField
    // It takes row numbers and sequences with its parent.
    guard let whole = before[parent], whole.parent == nil, Name.fault(of: field) == nil,
      field != whole.schema.vectorField, collection.name == FieldName.joined(whole.name, field),
      collection.nextRow == whole.nextRow, collection.nextSequence == whole.nextSequence,
      collection.schema.keyKind == whole.schema.keyKind
    else { return try require(false, "\(name) as a vector field of a collection before it") }
  }

  private func check(_ collection: Collection) throws {
    let name = "'\(collection.name.prefix(100))'"
    try require(
      CollectionSchema.dimensionRange.contains(collection.schema.dimension), "a dimension of \(name)")
    var moments: [Int64] = [collection.createdAt]
    for generation in collection.generations {
      moments += [generation.createdAt, generation.publishedAt ?? 0]
    }
    try require(moments.allSatisfy { $0 >= 0 && $0 < Self.numberEnd }, "moments of \(name) in range")
    let numbers = [collection.nextRow, collection.nextSequence, collection.nextKey, collection.id]
    try require(numbers.allSatisfy { $0 >= 0 && $0 < Self.numberEnd }, "numbers of \(name) in range")
    var next: Int64 = 0
    for segment in collection.segments {
      try require(
        segment.id > 0 && segment.id < Self.numberEnd && segment.firstRow >= next
          && segment.firstRow < Self.numberEnd,
        "segments of \(name) one behind the other")
      try require(
        segment.rowCapacity > 0 && segment.rowCapacity < Self.rowsEnd && segment.rowCount >= 0
          && segment.rowCount <= segment.rowCapacity, "rows of segment \(segment.id) of \(name)")
      let span = segment.mergedSpan ?? Int64(segment.rowCount)
      try require(
        // One that a batch has just added lies beyond what is committed, and is empty.
        span >= segment.rowCount && (span == 0 || span <= collection.nextRow - segment.firstRow)
          && (segment.hasRowsFile || span == segment.rowCount), "the span of segment \(segment.id) of \(name)"
      )
      if let strides = segment.growing {
        // Of such a file the whole capacity is made at once.
        try require(
          !segment.hasRowsFile && (1...1 << 20).contains(strides.row) && (0...1 << 20).contains(strides.side)
            && segment.rowCapacity * (strides.row + strides.side) < Self.growingBytesEnd,
          "a growing segment \(segment.id) of \(name)")
      }
      next = segment.firstRow + span
    }
    let segments = Set(collection.segments.map(\.id))
    let sealed = Set(collection.segments.lazy.filter { $0.growing == nil }.map(\.id))
    try require(segments.count == collection.segments.count, "segments of \(name) of different numbers")
    let generations = Set(collection.generations.map(\.id))
    try require(
      generations.count == collection.generations.count && generations.contains(collection.currentGeneration)
        && collection.previousGeneration != collection.currentGeneration
        && generations.allSatisfy { $0 > 0 && $0 < Self.numberEnd }
        && collection.previousGeneration.map(generations.contains) != false, "generations of \(name)")
    for generation in collection.generations {
      let built = generation.files.map(\.segment)
      try require(
        Set(built).count == built.count && sealed.isSuperset(of: built),
        "files of sealed segments in generation \(generation.id) of \(name)")
    }
  }

  /// Far beyond what is ever given out, and far from the end of 64 bits.
  private static let numberEnd: Int64 = 1 << 60
  /// Beyond what a segment may be given (`--segment-rows`, merges): what is made for a capacity must stay small.
  private static let rowsEnd = (1 << 24) + 1
  private static let growingBytesEnd = 1 << 33
}
