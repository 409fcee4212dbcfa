import MoultModel

/// The one place where points from outside are checked.
enum PointValidation {
  /// Bytes of a string key at most (Milvus' VarChar limit).
  static let keyBytesMax = 65_535

  /// - Parameter namesKeys: whether ids are those of points that are there, also where the collection gives them out.
  /// - Throws: `dimensionMismatch`, `invalidVector`, `duplicateID`, `invalidArgument`.
  static func check(
    _ batch: PointBatch, schema: CollectionSchema, collection: String, namesKeys: Bool = false
  ) throws {
    guard !batch.vectors.isEmpty else {
      throw MoultError(
        .invalidArgument, "the batch for collection '\(collection)' is empty; send at least one point")
    }
    guard batch.dimension == schema.dimension, batch.vectors.count % schema.dimension == 0 else {
      throw MoultError(
        .dimensionMismatch,
        "collection '\(collection)' stores \(schema.dimension)-dimensional vectors; the batch has "
          + "\(batch.dimension)-dimensional ones (\(batch.vectors.count) numbers)")
    }
    let count = batch.count
    try checkKeys(
      batch.ids, count: count, schema: schema, collection: collection, namesKeys: namesKeys)
    guard batch.payloads.isEmpty || batch.payloads.count == count else {
      throw MoultError(
        .invalidArgument,
        "the batch has \(count) vectors but \(batch.payloads.count) payloads; send one each or none")
    }
    for (index, payload) in batch.payloads.enumerated() where !payload.isEmpty {
      do {
        try JSONText.validateObject(payload)
      } catch {
        throw MoultError(.invalidArgument, "payload \(index) of the batch is not a JSON object: \(error)")
      }
    }
    try checkFinite(batch.vectors, dimension: schema.dimension, what: "point") { index in
      batch.ids.isEmpty ? "number \(index)" : "'\(batch.ids[index])'"
    }
  }

  /// The vectors of other fields than the first.
  ///
  /// - Throws: `invalidArgument` for a field that is not there, `dimensionMismatch`, `invalidVector`.
  static func checkFields(of batch: PointBatch, in collection: Collection) throws {
    try checkShapes(ofFieldsIn: batch, collection)
    for (name, given) in batch.fields {
      try checkFinite(given.filled.vectors, dimension: given.dimension, what: "field '\(name)' of point") {
        index in
        batch.ids.isEmpty ? "number \(index)" : "'\(batch.ids[index])'"
      }
    }
  }

  /// Whether the vectors of other fields than the first fit them, whatever they are.
  ///
  /// - Throws: `invalidArgument` for a field that is not there, `dimensionMismatch`, `tooLarge`.
  static func checkShapes(ofFieldsIn batch: PointBatch, _ collection: Collection) throws {
    let fields = collection.fields
    // Zeros stand where there is no vector.
    for field in fields {
      try FieldVectors.requireRoom(count: batch.count, dimension: field.schema.dimension)
    }
    for (name, given) in batch.fields {
      guard let field = fields.first(where: { $0.schema.vectorField == name }) else {
        throw MoultError(
          .invalidArgument,
          "collection '\(collection.name)' has no vector field '\(name)'; it has "
            + collection.fieldNames.joined(separator: ", "))
      }
      let dimension = field.schema.dimension
      guard given.dimension == dimension, given.vectors.count == batch.count * dimension else {
        throw MoultError(
          .dimensionMismatch,
          "field '\(name)' of collection '\(collection.name)' stores \(dimension)-dimensional vectors; the batch of "
            + "\(batch.count) points has \(given.dimension)-dimensional ones (\(given.vectors.count) numbers)"
        )
      }
      guard zip(given.absent, given.absent.dropFirst()).allSatisfy(<), given.absent.first ?? 0 >= 0,
        given.absent.last ?? 0 < batch.count
      else {
        throw MoultError(
          .invalidArgument,
          "places of points without a vector in field '\(name)' must rise from 0 and stay below \(batch.count)"
        )
      }
    }
  }

  /// - Throws: `invalidVector` naming the first entry that is NaN or infinite.
  static func checkFinite(
    _ vectors: [Float], dimension: Int, what: String, name: (Int) -> String
  ) throws {
    // Exponent bits all set means NaN or infinity. A maximum over integers vectorizes; a search for the place
    // follows only when there is one.
    let exponentMask: UInt32 = 0x7F80_0000
    let largest = vectors.withUnsafeBufferPointer { values in
      var largest: UInt32 = 0
      for value in values { largest = max(largest, value.bitPattern & exponentMask) }
      return largest
    }
    guard largest == exponentMask, let place = vectors.firstIndex(where: { !$0.isFinite }) else { return }
    throw MoultError(
      .invalidVector,
      "the vector of \(what) \(name(place / dimension)) has \(vectors[place]) at entry \(place % dimension); "
        + "every entry must be a finite number")
  }

  /// - Throws: `invalidVector` for a vector that is too long for float32 scores, or has no direction where the
  ///   metric needs one.
  static func checkLength(squared: Double, metric: Metric, what: @autoclosure () -> String) throws {
    guard squared <= VectorLength.squaredMax else {
      throw MoultError(
        .invalidVector,
        "the vector of \(what()) has the length \(squared.squareRoot()); at most "
          + "\(VectorLength.squaredMax.squareRoot()) can be scored in float32. Scale the vectors down")
    }
    guard metric == .cosine, squared < VectorLength.squaredMin else { return }
    throw MoultError(
      .invalidVector,
      "the vector of \(what()) has no direction (its length is \(squared.squareRoot())); the metric cosine needs one"
    )
  }

  /// Queries of a search or a recall gate; their number and dimension have been checked.
  static func checkQueries(_ queries: [Float], schema: CollectionSchema) throws {
    let dimension = schema.dimension
    try checkFinite(queries, dimension: dimension, what: "query") { "number \($0)" }
    for first in stride(from: 0, to: queries.count, by: dimension) {
      let squared = queries[first..<first + dimension].reduce(0.0) { $0 + Double($1) * Double($1) }
      try checkLength(squared: squared, metric: schema.metric, what: "query number \(first / dimension)")
    }
  }

  static func checkKeys(_ ids: [PointID], kind: CollectionSchema.KeyKind, collection: String) throws {
    for id in ids {
      switch (id, kind) {
      case (.int64, .int64), (.int64, .mixed): continue
      case (.string(let text), .mixed) where Int64(text) != nil:
        throw MoultError(
          .invalidArgument,
          "ids of collection '\(collection)' are integers and strings, and the string '\(text)' reads as an integer; send it as one"
        )
      case (.string(let text), .string), (.string(let text), .mixed):
        guard !text.isEmpty, text.utf8.count <= keyBytesMax else {
          throw MoultError(
            .invalidArgument,
            "an id of collection '\(collection)' has \(text.utf8.count) bytes; 1 to \(keyBytesMax) are allowed"
          )
        }
      case (.int64, .string), (.string, .int64):
        throw MoultError(
          .invalidArgument, "ids of collection '\(collection)' are of type \(kind.rawValue); got '\(id)'")
      }
    }
  }

  private static func checkKeys(
    _ ids: [PointID], count: Int, schema: CollectionSchema, collection: String, namesKeys: Bool
  ) throws {
    if schema.automaticKeys, !namesKeys {
      guard ids.isEmpty else {
        throw MoultError(
          .invalidArgument,
          "collection '\(collection)' gives out the ids itself; send the points without '\(schema.keyField)'")
      }
      return
    }
    guard ids.count == count else {
      throw MoultError(
        .invalidArgument,
        "the batch has \(count) vectors but \(ids.count) ids; every point needs '\(schema.keyField)'")
    }
    try checkKeys(ids, kind: schema.keyKind, collection: collection)
    var seen = Set<PointID>(minimumCapacity: ids.count)
    for id in ids where !seen.insert(id).inserted {
      throw MoultError(.duplicateID, "id '\(id)' stands more than once in the batch")
    }
  }
}
