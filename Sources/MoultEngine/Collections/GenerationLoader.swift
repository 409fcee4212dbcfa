import Foundation
import GRDB
import MoultCompute
import MoultModel
import MoultStorage

/// Opens a generation as far as its files go.
enum GenerationLoader {
  /// - Parameters:
  ///   - encoder: the generation's, when it is at hand already.
  ///   - segments: of the collection's snapshot.
  ///   - guides: of the segments that have some already.
  /// - Returns: the generation with the codes and indexes of those sealed segments that have them; what is
  ///   missing (a crash came first, or the segment grows) is left out.
  /// - Throws: `corrupted` when a file that the catalog names cannot be used.
  static func load(
    _ record: GenerationRecord, encoder: VectorEncoder? = nil, schema: CollectionSchema,
    segments: [SegmentView], guides: [Int64: SegmentGuide] = [:], directory: DataDirectory
  ) throws -> GenerationView {
    let files = GenerationFiles(
      directory: directory, collectionID: record.collectionID, generationID: record.id)
    let encoder = try encoder ?? self.encoder(of: record, schema: schema, files: files)
    var view = GenerationView(
      id: record.id, encoder: encoder, codes: [:], indexes: [:], createdAt: record.createdAt,
      publishedAt: record.publishedAt, report: try report(of: record),
      specification: record.specification)
    let rows = try directory.read { db in try directory.catalog.generationSegments(of: record.id, in: db) }
    for row in rows {
      guard let segment = segments.first(where: { $0.id == row.segmentID && $0.isSealed }) else { continue }
      if let path = row.codesFile {
        view.codes[segment.id] = .file(
          CodeFile(try files.openCodes(path, segment: segment, encoder: encoder)))
      }
      if let path = row.graphFile {
        view.indexes[segment.id] = try files.openIndex(path, segment: segment, guide: guides[segment.id])
      }
    }
    if view.specification.isIdentity {
      for segment in segments { view.codes[segment.id] = .vectors }
    }
    return view
  }

  static func encoder(
    of record: GenerationRecord, schema: CollectionSchema, files: GenerationFiles
  ) throws -> VectorEncoder {
    if let path = record.encoderFile {
      let encoder = try files.readEncoder(path)
      // Vectors and codes are read through pointers with what the encoder says of them; a restored one may be any.
      guard encoder.dimension == schema.dimension, encoder.metric == schema.metric,
        encoder.specification.quantization == record.specification.quantization,
        encoder.specification.isIdentity == record.specification.isIdentity
      else {
        throw MoultError(
          .corrupted,
          "\(path): expected an encoder to \(record.specification.quantization) for \(schema.dimension) dimensions and "
            + "\(schema.metric), found one to \(encoder.specification.quantization) for \(encoder.dimension) and "
            + "\(encoder.metric)")
      }
      return encoder
    }
    guard record.specification.isIdentity else {
      throw MoultError(.corrupted, "the catalog names no encoder file for generation \(record.id)")
    }
    return try VectorEncoder.identity(
      dimension: schema.dimension, metric: schema.metric, specification: record.specification)
  }

  private static func report(of record: GenerationRecord) throws -> SwitchReport? {
    try record.report.map { try JSONDecoder().decode(SwitchReport.self, from: Data($0.utf8)) }
  }
}

extension VectorEncoder {
  /// The encoder of a generation that keeps full precision; `specification` may choose index and oversampling.
  static func identity(
    dimension: Int, metric: Metric, specification: EncodingSpecification
  ) throws -> VectorEncoder {
    precondition(specification.isIdentity)
    let none: [Float] = [0]
    return try none.withUnsafeBufferPointer { none in
      try train(
        specification: specification, dimension: dimension, metric: metric, sample: none.baseAddress!,
        sampleCount: 0, seed: 0)
    }
  }
}
