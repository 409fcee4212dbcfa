internal import MoultModel
internal import MoultServer

/// Reads how vectors of a new collection or of a new name are to be.
enum VectorConfiguration {
  private static let nameBytesMax = 200

  /// `vectors` of a new collection: one object with `size`, or one for each name.
  static func read(vectors json: JSON?) throws(QdrantError) -> QdrantDefinition {
    guard let json, json != .null else { return QdrantDefinition(isNamed: true) }
    let fields = try QdrantFields(json, at: "vectors")
    if fields["size"]?.int != nil || fields["distance"]?.string != nil {
      var definition = QdrantDefinition(isNamed: false)
      if isMulti(fields) {
        try definition.add(try multi(fields, name: "", part: 0))
      } else {
        definition.vectors = [try dense(fields, name: "", field: QdrantDefinition.unnamedField)]
      }
      return definition
    }
    var definition = QdrantDefinition(isNamed: true)
    for member in fields.object.members {
      let fields = try QdrantFields(member.value, at: "vectors.\(member.key)")
      if isMulti(fields) {
        try definition.add(try multi(fields, name: member.key, part: definition.multiVectorsMade))
        continue
      }
      definition.vectors.append(
        try dense(
          fields, name: member.key,
          field: try field(member.key, avoiding: PlaceholderField.names))
      )
    }
    return definition
  }

  /// Whether it says of a vector that it is one of many rows.
  static func isMulti(_ fields: QdrantFields) -> Bool { fields["multivector_config"] != nil }

  /// - Parameter part: of payloads, that no multivector of the collection has had.
  static func multi(
    _ fields: QdrantFields, name: String, part: Int
  ) throws(QdrantError) -> QdrantDefinition.MultiVector {
    // Messages of gRPC have no other, and do not say it.
    let comparator = try fields.fields("multivector_config")?.string("comparator") ?? "max_sim"
    guard comparator == "max_sim" else {
      throw .format("\(fields.place("multivector_config")).comparator: expected `max_sim`")
    }
    // The name's length is checked, though the engine never hears it.
    let like = try dense(fields, name: name, field: try field(name, avoiding: []))
    var given = like.given
    given["multivector_config"] = .object(["comparator": .string(comparator)])
    return QdrantDefinition.MultiVector(
      name: name, part: part, size: like.size, distance: like.distance, datatype: like.datatype, given: given)
  }

  /// The engine's name of a vector.
  static func field(_ name: String, avoiding taken: Set<String>) throws(QdrantError) -> String {
    guard name.utf8.count <= nameBytesMax else {
      throw .validation("[vector name: length must be at most \(nameBytesMax) bytes, got \(name.utf8.count)]")
    }
    guard !name.isEmpty else { return QdrantDefinition.unnamedField }
    let field = QdrantName.field(name, avoiding: taken.union([QdrantDefinition.keyField]))
    guard field.utf8.count <= Name.lengthMax else {
      throw .badRequest(
        "vector name '\(name.prefix(100))' takes \(field.utf8.count) bytes in Moult's names, more than \(Name.lengthMax); "
          + "choose a shorter one")
    }
    return field
  }

  static func dense(
    _ fields: QdrantFields, name: String, field: String
  ) throws(QdrantError) -> QdrantDefinition.Vector {
    let size = try fields.required("size", try fields.count("size", atLeast: 1))
    guard CollectionSchema.dimensionRange.contains(size) else {
      throw .validation(
        "[\(fields.place("size")): value \(size) invalid, must be from 1 to \(CollectionSchema.dimensionRange.upperBound)]"
      )
    }
    let distance = try fields.required("distance", try fields.string("distance"))
    guard QdrantDistance(rawValue: distance) != nil else {
      let known = QdrantDistance.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      throw .format(
        "\(fields.place("distance")): unknown variant `\(distance.prefix(100))`, expected one of \(known)")
    }
    if let datatype = try fields.string("datatype"), QdrantDefinition.Datatype(rawValue: datatype) == nil {
      throw .badRequest(
        "\(fields.place("datatype")): `\(datatype.prefix(100))` is not available here; expected one of "
          + QdrantDefinition.Datatype.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "))
    }
    try QuantizationTranslation.check(fields["quantization_config"], at: fields.place("quantization_config"))
    guard
      let vector = QdrantDefinition.Vector(name: name, field: field, given: fields.object.withoutNulls)
    else { throw .format("\(fields.path): expected `size` and `distance`") }
    return vector
  }

  /// `sparse_vectors` of a new collection: one object for each name.
  static func read(sparse json: JSON?) throws(QdrantError) -> [QdrantDefinition.SparseVector] {
    guard let json, json != .null else { return [] }
    var vectors: [QdrantDefinition.SparseVector] = []
    for member in try QdrantFields(json, at: "sparse_vectors").object.members {
      let given = member.value == .null ? .object(JSONObject()) : member.value
      vectors.append(
        try sparse(
          try QdrantFields(given, at: "sparse_vectors.\(member.key)"), name: member.key, number: vectors.count
        ))
    }
    return vectors
  }

  /// - Parameter number: of the sparse vectors that the collection has had.
  static func sparse(
    _ fields: QdrantFields, name: String, number: Int
  ) throws(QdrantError) -> QdrantDefinition.SparseVector {
    switch try fields.string("modifier") {
    case nil, "none"?, "idf"?: break
    case let other?:
      throw .format("\(fields.place("modifier")): unknown variant `\(other)`, expected `none` or `idf`")
    }
    _ = try field(name, avoiding: [])
    return QdrantDefinition.SparseVector(
      name: name, member: StoredPayload.hiddenPrefix + "\(number)", given: fields.object.withoutNulls)
  }
}

extension QdrantDefinition {
  /// - Throws: 400 for more multivectors than a collection has.
  mutating func add(_ vector: MultiVector) throws(QdrantError) {
    guard multiVectors.count < Self.multiVectorsMax else {
      throw .badRequest("a collection has \(Self.multiVectorsMax) multivectors at most")
    }
    multiVectors.append(vector)
    multiVectorsMade = vector.part + 1
  }
}
