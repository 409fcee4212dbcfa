internal import MoultFiles
internal import MoultModel

/// Reads an import's files batch after batch.
struct ImportBatches {
  private let source: ImportSource
  private let rowsMax: Int
  private let payload: JSONLinesReader?
  private var next = 0

  /// Vectors of one request, and again its payload, hardly exceed this: servers refuse bodies above 64 MiB.
  private static let bytesMax = 16 << 20

  init(source: ImportSource, rowsMax: Int, payload: JSONLinesReader?) {
    precondition(rowsMax > 0)
    self.source = source
    self.rowsMax = rowsMax
    self.payload = payload
  }

  /// - Returns: `nil` after the last row.
  mutating func nextBatch() throws -> PointBatch? {
    guard next < source.vectors.rowCount else { return nil }
    let fitting = max(1, Self.bytesMax / (source.vectors.dimension * MemoryLayout<Float>.size))
    var rows = next..<min(next + min(rowsMax, fitting), source.vectors.rowCount)
    var payloads: [String] = []
    if let payload {
      var payloadBytes = 0
      while payloads.count < rows.count && payloadBytes < Self.bytesMax {
        guard let line = try payload.next() else {
          throw MoultError(.corrupted, "'\(payload.path)' became shorter while it was read")
        }
        payloads.append(line)
        payloadBytes += line.utf8.count
      }
      rows = rows.prefix(payloads.count)
    }
    next = rows.upperBound
    let ids: [PointID] =
      if let field = source.idField {
        try zip(rows, payloads).map { row, line in
          try ImportSource.id(in: line, field: field, place: "'\(source.payloadPath ?? "")', line \(row + 1)")
        }
      } else {
        rows.map { .int64(Int64($0)) }
      }
    return PointBatch(
      ids: ids, vectors: try source.vectors.readRows(rows), dimension: source.vectors.dimension,
      payloads: payloads)
  }
}
