internal import MoultFiles
internal import MoultModel
internal import MoultServer

/// The files of an import: vectors, and perhaps a payload line for each.
///
/// Everything that the server would refuse is looked for before the first request, so that a bad file leaves
/// nothing half imported.
struct ImportSource: Sendable {
  let vectors: VectorFile
  let payloadPath: String?
  /// The member of each payload that holds its id; without, row numbers are the ids.
  let idField: String?

  /// Rows that are checked at a time.
  private static let checkRowsMax = 4096

  init(vectorsPath: String, payloadPath: String?, idField: String?) throws {
    vectors = try VectorFile(path: vectorsPath)
    self.payloadPath = payloadPath
    self.idField = idField
  }

  // MARK: Checking

  /// Looks at every vector and every payload line.
  ///
  /// - Returns: the kind of the ids.
  /// - Throws: an error that names the file and the row.
  func check(metric: Metric) throws -> CollectionSchema.KeyKind {
    guard vectors.rowCount > 0 else {
      throw MoultError(.invalidArgument, "'\(vectors.path)' holds no vectors")
    }
    let keyKind = try checkPayload()
    try checkVectors(metric: metric)
    return keyKind
  }

  private func checkVectors(metric: Metric) throws {
    for start in stride(from: 0, to: vectors.rowCount, by: Self.checkRowsMax) {
      let rows = start..<min(start + Self.checkRowsMax, vectors.rowCount)
      let values = try vectors.readRows(rows)
      for row in rows {
        let first = (row - start) * vectors.dimension
        // Squares of float32 numbers cannot overflow in Double: only NaN and infinity make this not finite.
        var squaredLength = 0.0
        for value in values[first..<first + vectors.dimension] {
          squaredLength += Double(value) * Double(value)
        }
        if let fault = Self.fault(squaredLength: squaredLength, metric: metric) {
          throw MoultError(.invalidVector, "'\(vectors.path)', row \(row): \(fault)")
        }
      }
    }
  }

  /// What is wrong with a vector, or `nil`: distances are computed in float32, which must hold its squared
  /// length, and under cosine its direction.
  private static func fault(squaredLength: Double, metric: Metric) -> String? {
    guard squaredLength.isFinite else { return "expected finite numbers, found NaN or infinity" }
    guard squaredLength <= VectorLength.squaredMax else {
      return
        "the vector's squared length is \(squaredLength), more than float32 scores can take (\(VectorLength.squaredMax)); scale it down"
    }
    guard metric == .cosine, squaredLength < VectorLength.squaredMin else { return nil }
    return squaredLength == 0
      ? "the vector is zero, which has no direction; use --metric ip or l2, or leave it out"
      : "the vector's squared length is \(squaredLength), too small for float32 to tell its direction; "
        + "scale it up, use --metric ip or l2, or leave it out"
  }

  private func checkPayload() throws -> CollectionSchema.KeyKind {
    guard let payloadPath else { return .int64 }
    let reader = try JSONLinesReader(path: payloadPath)
    var kind: CollectionSchema.KeyKind?
    var seen: Set<PointID> = []
    while let line = try reader.next() {
      guard let idField else { continue }
      let place = "'\(payloadPath)', line \(reader.lineNumber)"
      let id = try Self.id(in: line, field: idField, place: place)
      guard kind == nil || kind == id.keyKind else {
        throw MoultError(
          .invalidArgument, "\(place): '\(idField)' is a \(id.kindName), earlier lines had the other kind")
      }
      kind = id.keyKind
      guard seen.insert(id).inserted else {
        throw MoultError(.duplicateID, "\(place): id \(id) stands on an earlier line too")
      }
    }
    guard reader.lineNumber == vectors.rowCount else {
      throw MoultError(
        .invalidArgument,
        "'\(payloadPath)' has \(reader.lineNumber) lines, but '\(vectors.path)' has \(vectors.rowCount) "
          + "vectors; expected one line a vector")
    }
    return kind ?? .int64
  }

  static func id(in line: String, field: String, place: String) throws -> PointID {
    let json: JSON
    do {
      json = try JSONReader.parse(line)
    } catch {
      throw error.moultError(place)
    }
    switch json[field] {
    case .int(let value): return .int64(value)
    case .string(let value): return .string(value)
    case nil:
      throw MoultError(.invalidArgument, "\(place): there is no member '\(field)' to take the id from")
    case let other?:
      throw MoultError(
        .invalidArgument, "\(place): '\(field)' must be an integer or a string, found \(other.kind)")
    }
  }

  // MARK: Reading

  /// A reader of batches, from the first row on.
  func batches(of rowsMax: Int) throws -> ImportBatches {
    ImportBatches(
      source: self, rowsMax: rowsMax, payload: try payloadPath.map { try JSONLinesReader(path: $0) })
  }
}

extension PointID {
  var keyKind: CollectionSchema.KeyKind {
    switch self {
    case .int64: .int64
    case .string: .string
    }
  }

  fileprivate var kindName: String {
    switch self {
    case .int64: "number"
    case .string: "string"
    }
  }
}
