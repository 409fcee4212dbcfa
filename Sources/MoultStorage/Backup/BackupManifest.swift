package import MoultModel

/// The first entry of a backup, `manifest.json`: all that the catalog says of what is in it. Numbers are those of the
/// server that made it; a restore gives out its own.
///
/// The entries behind it come in an order that follows from it, and no others:
///
/// 1. for each collection `collections/C/points-N`, as many as it takes, from 0 (see `BackupPoint`), then for each of
///    its segments `collections/C/segment-S.checksums` (see `VectorChecksum`: place, rows and CRC-32, 32 bits each,
///    little-endian);
/// 2. for each collection the files of its segments, by rows, then those of its generations, by number
///    (`files(of:)`), under the names that they had in the data directory. They are as they were there, but for a
///    growing segment: `segment-S.growing` has the side bytes of its committed rows, then the rows, and no header.
package struct BackupManifest: Codable, Sendable, Equatable {
  static let entryName = "manifest.json"
  static let formatVersion = 1
  static let sizeBytesMax = 256 << 20

  package struct Collection: Codable, Sendable, Equatable {
    package var id: Int64
    package var name: String
    /// Of a vector field: the collection that stands before it and has its points.
    package var parent: Int64?
    package var schema: CollectionSchema
    package var nextRow: Int64
    package var nextSequence: Int64
    package var nextKey: Int64
    package var createdAt: Int64
    package var currentGeneration: Int64
    package var previousGeneration: Int64?
    package var segments: [Segment]
    package var generations: [Generation]
    /// What made its vectors: one of `embedders`. Absent where that is not known.
    package var embedder: String?

    /// The last batch that is in the backup.
    package var sequence: Int64 { nextSequence - 1 }
  }

  package struct Segment: Codable, Sendable, Equatable {
    package var id: Int64
    package var firstRow: Int64
    package var rowCapacity: Int
    package var rowCount: Int
    package var mergedSpan: Int64?
    package var hasRowsFile: Bool
    /// Of a growing one, whose header is not in the backup.
    package var growing: Strides?

    package struct Strides: Codable, Sendable, Equatable {
      package var row: Int
      package var side: Int
    }
  }

  package struct Generation: Codable, Sendable, Equatable {
    package var id: Int64
    package var specification: EncodingSpecification
    package var report: String?
    package var createdAt: Int64
    package var publishedAt: Int64?
    package var hasEncoder: Bool
    package var files: [Files]

    package struct Files: Codable, Sendable, Equatable {
      package var segment: Int64
      package var hasCodes: Bool
      package var index: Index?
    }

    package enum Index: String, Codable, Sendable {
      case graph
      case ivf
    }
  }

  package var format = BackupManifest.formatVersion
  /// Milliseconds since 1970.
  package var createdAt: Int64
  package var collections: [Collection]
  /// Alias → the collection's name.
  package var aliases: [String: String]
  /// Those of the collections, without keys; absent in backups of earlier versions.
  package var embedders: [Embedder]?

  /// The segment files of a collection, in their order in the archive.
  func files(of collection: Collection) -> [BackupFile] {
    var files: [BackupFile] = []
    var byID: [Int64: Segment] = [:]
    for segment in collection.segments {
      byID[segment.id] = segment
      let identity = SegmentIdentity(
        collectionID: collection.id, segmentID: segment.id, firstRow: segment.firstRow)
      files.append(
        BackupFile(
          kind: .vectors, identity: identity, generationID: nil, rowCount: segment.rowCount,
          growing: segment.growing.map { ($0, segment.rowCapacity) }))
      if segment.hasRowsFile {
        files.append(
          BackupFile(kind: .rows, identity: identity, generationID: nil, rowCount: segment.rowCount))
      }
    }
    for generation in collection.generations {
      if generation.hasEncoder {
        files.append(
          BackupFile(
            kind: .encoder,
            identity: SegmentIdentity(collectionID: collection.id, generationID: generation.id),
            generationID: generation.id, rowCount: nil))
      }
      for built in generation.files {
        guard let segment = byID[built.segment] else { continue }
        var identity = SegmentIdentity(
          collectionID: collection.id, generationID: generation.id, segmentID: segment.id,
          firstRow: segment.firstRow)
        if built.hasCodes {
          files.append(
            BackupFile(
              kind: .codes, identity: identity, generationID: generation.id, rowCount: segment.rowCount))
        }
        if let index = built.index {
          identity.generationID = 0
          files.append(
            BackupFile(
              kind: index == .graph ? .graph : .invertedFile, identity: identity,
              generationID: generation.id, rowCount: nil))
        }
      }
    }
    return files
  }

  static func pointsName(_ collection: Int64, _ number: Int) -> String {
    "\(FileNames.directory(ofCollection: collection))/points-\(number)"
  }

  static func checksumsName(_ collection: Int64, _ segment: Int64) -> String {
    "\(FileNames.directory(ofCollection: collection))/segment-\(segment).checksums"
  }
}

/// A segment file in a backup.
package struct BackupFile: Sendable {
  let kind: SegmentHeader.Kind
  /// As its header says.
  let identity: SegmentIdentity
  /// Whose file it is; `nil` for vectors and row numbers, which all generations share.
  let generationID: Int64?
  /// Rows that it must have; `nil` when the file decides.
  let rowCount: Int?
  /// What the header of a growing segment would say.
  var growing: (strides: BackupManifest.Segment.Strides, capacity: Int)?

  /// Relative to the data directory, and in the archive.
  var name: String {
    let path = Self.path(kind: kind, identity: identity, generation: generationID ?? 0)
    return growing == nil ? path : path.replacing(".vectors", with: ".growing")
  }

  static func path(kind: SegmentHeader.Kind, identity: SegmentIdentity, generation: Int64) -> String {
    let (collection, segment) = (identity.collectionID, identity.segmentID)
    return switch kind {
    case .vectors: FileNames.vectors(collection: collection, segment: segment)
    case .rows: FileNames.rows(collection: collection, segment: segment)
    case .codes: FileNames.codes(collection: collection, segment: segment, generation: generation)
    case .graph: FileNames.graph(collection: collection, segment: segment, generation: generation)
    case .invertedFile:
      FileNames.invertedFile(collection: collection, segment: segment, generation: generation)
    case .encoder: FileNames.encoder(collection: collection, generation: generation)
    }
  }
}
