internal import MoultModel

/// Vector fields: dense ones are the engine's own, all others stand in the payload, or are made of what does.
extension CollectionDefinition {
  var denseVectors: [Field] { fields.filter(\.type.isDenseVector) }
  /// The one that every point has: the engine's own, the others stand beside it; `nil` where a placeholder is.
  var firstVector: Field? { denseVectors.first { !$0.isNullable } }

  /// Fields that stand in the payload: those beside key, dense vectors, and what functions make.
  var payloadFields: [Field] {
    let outputs = functionOutputs
    return fields.filter { !$0.isPrimary && !$0.type.isDenseVector && !outputs.contains($0.name) }
  }

  /// Dense ones beside the first; their indexes say the metric later.
  ///
  /// - Throws: 1100 for a dimension that cannot be.
  var otherVectors: [VectorField] {
    get throws { try denseVectors.filter { $0.name != firstVector?.name }.map(Self.vectorField) }
  }

  static func vectorField(_ field: Field) throws -> VectorField {
    VectorField(
      name: field.name, dimension: try dimension(field), metric: .squaredEuclidean,
      elementType: field.type == .float16Vector ? .float16 : .float32)
  }

  /// - Throws: 1100.
  static func checkNames(_ fields: [Field]) throws {
    for (place, field) in fields.enumerated() {
      try NameCheck.field(field.name)
      guard !PlaceholderField.names.contains(field.name) else {
        throw MilvusError.invalidParameter("field name \(field.name) is taken by Moult; choose another")
      }
      if fields[..<place].contains(where: { $0.name == field.name }) {
        throw MilvusError.invalidParameter("duplicated field name: \(field.name)")
      }
    }
  }

  /// - Throws: 1100 for more vector fields, or other dimensions, than can be.
  static func checkVectors(_ fields: [Field]) throws {
    let vectors = fields.filter(\.type.isVector)
    guard vectors.count <= vectorsMax else {
      throw MilvusError.invalidParameter("maximum vector field's number should be limited to \(vectorsMax)")
    }
    for field in vectors {
      switch field.type {
      case .sparseFloatVector:
        guard field.parameter("dim") == nil else {
          throw MilvusError.invalidParameter(
            "dim should not be specified for sparse vector field \(field.name)")
        }
      case .binaryVector: try checkBits(field)
      default: _ = try dimension(field)
      }
    }
  }

  private static func checkBits(_ field: Field) throws {
    let text = field.parameter("dim") ?? ""
    let longest = CollectionSchema.dimensionRange.upperBound * 8
    guard let dimension = Int(text), (1...longest).contains(dimension) else {
      throw MilvusError.invalidParameter(
        "invalid dimension: \(text.prefix(100)) of field \(field.name). binary vector dimension should be in range 2 ~ \(longest)"
      )
    }
    guard dimension % 8 == 0 else {
      throw MilvusError.invalidParameter(
        "invalid dimension: \(dimension) of field \(field.name). binary vector dimension should be multiple of 8. "
      )
    }
  }

  static func dimension(_ field: Field) throws -> Int {
    let text = field.parameter("dim") ?? ""
    guard let dimension = Int(text), CollectionSchema.dimensionRange.contains(dimension) else {
      throw MilvusError.invalidParameter(
        "invalid dimension: \(text). should be in range 1 ~ \(CollectionSchema.dimensionRange.upperBound)")
    }
    return dimension
  }
}

extension CollectionDefinition {
  /// Vector fields that were dropped by others than clients of Milvus are there no more, whatever clients have said.
  mutating func leaveOutDropped(_ info: CollectionInfo) {
    let present = Dictionary(
      [(info.schema.vectorField, info.schema.dimension)] + info.fields.map { ($0.name, $0.dimension) },
      uniquingKeysWith: { first, _ in first })
    // Another one may have taken the name.
    let dropped = denseVectors.filter { field in
      present[field.name] == nil
        || field.parameter("dim").flatMap { Int($0) }.map { $0 != present[field.name] } ?? false
    }.map(\.name)
    guard !dropped.isEmpty else { return }
    fields.removeAll { dropped.contains($0.name) }
    indexes.removeAll { dropped.contains($0.field) }
    // Clients that keep a schema learn of it.
    schemaChanges = (schemaChanges ?? 0) + dropped.count
  }
}

extension DescribedCollection {
  /// What a point has in the engine's own vector field though no field of the collection says it.
  var placeholder: [Float] { info.schema.hasPlaceholder ? PlaceholderField.vectors(count: 1) : [] }
}
