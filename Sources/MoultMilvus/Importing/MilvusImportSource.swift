internal import Foundation
internal import MoultEngine
internal import MoultFiles
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Reads the files of Milvus' imports: rows of `.json` and `.jsonl`, columns of `.npy`.
struct MilvusImportSource: ImportSource {
  let directory: ImportDirectory

  static let batchRows = 2_000
  /// Of a `.json` file, which is read as a whole.
  static let jsonBytesMax = 512 << 20

  func read(_ order: Data, for info: CollectionInfo, from start: Int64, _ sink: Sink) async throws {
    let order = try JSONDecoder().decode(ImportOrder.self, from: order)
    let collection = DescribedCollection(info: info, definition: try CollectionDefinition(of: info))
    guard collection.definition.partitionNames.contains(order.partition) || order.partition.isEmpty else {
      throw MoultError(.invalidArgument, "partition not found[partition=\(order.partition)]")
    }
    var done: Int64 = 0
    for files in order.files {
      let rows = try self.rows(of: files, collection)
      while let (batch, count) = try rows.next() {
        done += Int64(count)
        // Rows before are written already.
        guard done > start else { continue }
        try await sink(Self.placed(batch, order.partition), done, Int64(rows.count ?? 0))
      }
    }
  }

  private static func placed(_ batch: PointBatch, _ partition: String) -> PointBatch {
    guard !partition.isEmpty else { return batch }
    var batch = batch
    let payloads = batch.payloads.isEmpty ? [String](repeating: "", count: batch.count) : batch.payloads
    batch.payloads = payloads.map { PartitionField.add(partition, to: $0) }
    return batch
  }

  /// - Throws: `invalidArgument` for sets of files of no known kind.
  private func rows(of files: [String], _ collection: DescribedCollection) throws -> any ImportRows {
    let kinds = Set(files.map { ($0 as NSString).pathExtension.lowercased() })
    if kinds == ["npy"] {
      return try NumpyRows(
        try files.map { (($0 as NSString).lastPathComponent, try directory.resolve($0)) }, of: collection)
    }
    guard files.count == 1, let file = files.first else {
      throw MoultError(
        .invalidArgument,
        "a set of files is one .json, one .jsonl, or one .npy a field, got \(files.count) files")
    }
    let path = try directory.resolve(file)
    switch kinds.first {
    case "json": return try JSONFileRows(path: path, name: file, of: collection)
    case "jsonl", "ndjson": return JSONLineRows(try JSONLinesReader(path: path), name: file, of: collection)
    default:
      throw MoultError(.invalidArgument, "file '\(file)': expected .json, .jsonl or .npy")
    }
  }
}

/// Rows of one set of files, batch after batch.
protocol ImportRows {
  /// `nil` where it is not known before the end.
  var count: Int? { get }
  /// - Returns: points, and how many rows they were; `nil` at the end.
  func next() throws -> (PointBatch, Int)?
}

/// Objects of JSON, one a line.
final class JSONLineRows: ImportRows {
  let count: Int? = nil
  private let reader: JSONLinesReader
  private let name: String
  private let collection: DescribedCollection

  init(_ reader: JSONLinesReader, name: String, of collection: DescribedCollection) {
    self.reader = reader
    self.name = name
    self.collection = collection
  }

  func next() throws -> (PointBatch, Int)? {
    var text = "["
    var rows = 0
    let first = reader.lineNumber + 1
    while rows < MilvusImportSource.batchRows, let line = try reader.next() {
      if rows > 0 { text += "," }
      text += line
      rows += 1
    }
    guard rows > 0 else { return nil }
    let body = ByteBuffer(string: text + "]")
    let values = try body.json(floatKeys: [collection.info.schema.vectorField]).array
    let objects = values?.compactMap(\.object) ?? []
    // Lines with more or fewer objects than one would shift the rows behind them.
    guard objects.count == rows else {
      throw MoultError(
        .invalidArgument,
        "'\(name)', lines \(first) … \(reader.lineNumber): expected one JSON object a line, got \(objects.count) in "
          + "\(rows) lines")
    }
    return (try batch(objects, body, collection, "'\(name)' from line \(first)"), rows)
  }
}

/// A file of one array of objects, or of an object with it as `rows`.
final class JSONFileRows: ImportRows {
  private let objects: [JSONObject]
  private let body: ByteBuffer
  private let name: String
  private let collection: DescribedCollection
  private var place = 0

  var count: Int? { objects.count }

  init(path: String, name: String, of collection: DescribedCollection) throws {
    let size = ImportDirectory(path: nil).size(of: path)
    guard size <= MilvusImportSource.jsonBytesMax else {
      throw MoultError(
        .tooLarge,
        "file '\(name)' has \(size) bytes; at most \(MilvusImportSource.jsonBytesMax) are read as a "
          + "whole. Write one object a line (.jsonl)")
    }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw MoultError(.invalidArgument, "file '\(name)' cannot be read")
    }
    body = ByteBuffer(bytes: bytes)
    let json: JSON
    do { json = try body.json(floatKeys: [collection.info.schema.vectorField]) } catch {
      throw MoultError(.invalidArgument, "file '\(name)' is no JSON: \(error.description)")
    }
    let values = json.array ?? json["rows"]?.array
    guard let values, values.allSatisfy({ $0.object != nil }) else {
      throw MoultError(
        .invalidArgument,
        "file '\(name)': expected an array of objects, or an object with such an array as 'rows'")
    }
    objects = values.compactMap(\.object)
    self.name = name
    self.collection = collection
  }

  func next() throws -> (PointBatch, Int)? {
    let rows = objects[place...].prefix(MilvusImportSource.batchRows)
    guard !rows.isEmpty else { return nil }
    defer { place += rows.count }
    return (try batch(Array(rows), body, collection, "'\(name)' from row \(place)"), rows.count)
  }
}

private func batch(
  _ rows: [JSONObject], _ body: ByteBuffer, _ collection: DescribedCollection, _ place: String
) throws -> PointBatch {
  do { return try RowTranslation(collection, body: body).batch(rows) } catch {
    throw MoultError(.invalidArgument, "\(place): \(error.message)")
  }
}

/// One file a field: keys and integers in arrays of one dimension, vectors in one of two.
final class NumpyRows: ImportRows {
  private let collection: DescribedCollection
  private let vectors: NumpyFile
  /// None where the collection gives them out.
  private var keys: [Int64] = []
  private var scalars: [(field: CollectionDefinition.Field, values: [Int64])] = []
  private var place = 0

  var count: Int? { vectors.rowCount }

  /// - Parameter files: names, which say the field, and paths.
  init(_ files: [(name: String, path: String)], of collection: DescribedCollection) throws {
    self.collection = collection
    let schema = collection.info.schema
    var columns: [String: NumpyFile] = [:]
    for (name, path) in files {
      let field = String(name.dropLast(".npy".utf8.count))
      guard columns.updateValue(try NumpyFile(path: path), forKey: field) == nil else {
        throw MoultError(.invalidArgument, "two files for field '\(field)'")
      }
    }
    guard collection.definition.vectors.map(\.type) == [.floatVector] else {
      throw MoultError(
        .unsupported,
        "collection '\(collection.info.name)' has vectors beside one FloatVector; import its rows from .json or .jsonl"
      )
    }
    guard let vectors = columns.removeValue(forKey: schema.vectorField), vectors.header.element.isFloat,
      vectors.columnCount == schema.dimension
    else {
      throw MoultError(
        .invalidArgument,
        "expected '\(schema.vectorField).npy' with float32 or float16 rows of \(schema.dimension) entries")
    }
    self.vectors = vectors
    let keyFile = columns.removeValue(forKey: schema.keyField)
    if schema.automaticKeys {
      guard keyFile == nil else {
        throw MoultError(
          .invalidArgument,
          "'\(schema.keyField).npy': the collection gives out keys itself (autoID); leave the file out")
      }
    } else {
      guard schema.keyKind == .int64, let keyFile else {
        throw MoultError(
          .invalidArgument,
          "expected '\(schema.keyField).npy' with int64 keys; other keys are read from .json and .jsonl")
      }
      keys = try Self.integers(keyFile, schema.keyField, count: vectors.rowCount)
    }
    for field in collection.definition.payloadFields {
      guard let file = columns.removeValue(forKey: field.name) else {
        guard field.isNullable || field.defaultValue != nil else {
          throw MoultError(.invalidArgument, "field '\(field.name)' has no file '\(field.name).npy'")
        }
        continue
      }
      guard field.type.integerRange != nil else {
        throw MoultError(
          .unsupported,
          "field '\(field.name)' of type \(field.type.name) is not read from .npy; use .json or .jsonl")
      }
      scalars.append((field, try Self.integers(file, field.name, count: vectors.rowCount)))
    }
    if let other = columns.keys.sorted().first {
      throw MoultError(.invalidArgument, "'\(other).npy': the collection has no field '\(other)'")
    }
  }

  private static func integers(_ file: NumpyFile, _ field: String, count: Int) throws -> [Int64] {
    guard !file.header.element.isFloat, file.rowCount * file.columnCount == count else {
      throw MoultError(
        .invalidArgument,
        "'\(field).npy': expected \(count) integers (int32 or int64), as many as there are vectors")
    }
    return try file.readIntegers(0..<file.rowCount)
  }

  func next() throws -> (PointBatch, Int)? {
    let rows = place..<min(vectors.rowCount, place + MilvusImportSource.batchRows)
    guard !rows.isEmpty else { return nil }
    defer { place = rows.upperBound }
    let dimension = collection.info.schema.dimension
    var floats = [Float](repeating: 0, count: rows.count * dimension)
    try floats.withUnsafeMutableBufferPointer { try vectors.readRows(rows, into: $0) }
    let ids = collection.info.schema.automaticKeys ? [] : rows.map { PointID.int64(keys[$0]) }
    var batch = PointBatch(ids: ids, vectors: floats, dimension: dimension)
    let defaults = collection.definition.payloadFields.filter { field in
      field.defaultValue != nil && !scalars.contains { $0.field.name == field.name }
    }
    guard !scalars.isEmpty || !defaults.isEmpty else { return (batch, rows.count) }
    batch.payloads = try rows.map { row in
      var json = JSONWriter(capacity: 64)
      json.beginObject()
      for (field, values) in scalars {
        if let fault = field.fault(of: .int(values[row])) {
          throw MoultError(.invalidArgument, "'\(field.name).npy', row \(row): \(fault)")
        }
        json.member(field.name, values[row])
      }
      for field in defaults { json.member(field.name, raw: field.defaultValue ?? "null") }
      json.endObject()
      return String(decoding: json.bytes, as: UTF8.self)
    }
    return (batch, rows.count)
  }
}
