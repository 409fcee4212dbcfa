internal import MoultModel
internal import MoultServer

/// Vectors of one point as a request gives them.
struct PointVectors: Sendable {
  /// By the definition's vectors, in their order; `nil` where nothing was given.
  var dense: [[Float]?]
  /// By the definition's sparse vectors, likewise.
  var sparse: [QdrantSparseVector?]
  /// By the definition's multivectors, likewise.
  var multi: [QdrantMultiVector?]

  /// - Throws: 400 for names that are not there, for vectors of another kind or dimension; 422 for sparse vectors that
  ///   cannot be.
  init(_ json: JSON?, _ definition: QdrantDefinition, at path: String) throws(QdrantError) {
    dense = [[Float]?](repeating: nil, count: definition.vectors.count)
    sparse = [QdrantSparseVector?](repeating: nil, count: definition.sparseVectors.count)
    multi = [QdrantMultiVector?](repeating: nil, count: definition.multiVectors.count)
    switch json {
    case nil, .null?: throw .format("missing field `\(path)`")
    case .object(let object)? where QdrantDocument.isDocument(object) && !definition.names.contains("text"):
      try add(.object(object), named: "", definition, at: path)
    case .object(let object)?:
      for member in object.members {
        try add(member.value, named: member.key, definition, at: "\(path).\(member.key)")
      }
    case let plain?: try add(plain, named: "", definition, at: path)
    }
  }

  private mutating func add(
    _ json: JSON, named name: String, _ definition: QdrantDefinition, at path: String
  ) throws(QdrantError) {
    if let place = definition.vectors.firstIndex(where: { $0.name == name }) {
      dense[place] = try Self.dense(json, definition.vectors[place], at: path)
    } else if let place = definition.sparseVectors.firstIndex(where: { $0.name == name }) {
      if let document = try QdrantDocument(json, at: path) {
        sparse[place] = try QdrantInference.sparse(document, as: .stored)
        return
      }
      guard let vector = try QdrantSparseVector(json, at: path) else {
        throw .wrongInput("Conversion between sparse and regular vectors failed")
      }
      sparse[place] = vector
    } else if let place = definition.multiVectors.firstIndex(where: { $0.name == name }) {
      multi[place] = try Self.multi(json, definition.multiVectors[place], at: path)
    } else {
      // Which vector is wrong is said before its form is looked at, as by Qdrant.
      throw .wrongInput("Not existing vector name error: \(name)")
    }
  }

  /// One multivector, as it is stored.
  static func multi(
    _ json: JSON, _ vector: QdrantDefinition.MultiVector, at path: String
  ) throws(QdrantError) -> QdrantMultiVector {
    if let document = try QdrantDocument(json, at: path) {
      throw QdrantInference.refusal(of: document, for: "a multivector")
    }
    if json.object != nil { throw .wrongInput("Conversion between sparse and regular vectors failed") }
    var given = try QdrantMultiVector(json, at: path)
    guard given.dimension == vector.size else {
      throw .wrongInput("Vector dimension error: expected dim: \(vector.size), got \(given.dimension)")
    }
    if vector.distance == .cosine { given = given.normalized }
    let rounded = vector.datatype.rounded(given.values)
    // Large numbers are infinite in a smaller type.
    if let place = rounded.firstIndex(where: { !$0.isFinite }) {
      throw .wrongInput("\(path): expected finite numbers as they are stored, got \(given.values[place])")
    }
    given.values = rounded
    return given
  }

  /// One dense vector, rounded to the number type that it is stored in.
  static func dense(
    _ json: JSON, _ vector: QdrantDefinition.Vector, at path: String
  ) throws(QdrantError) -> [Float] {
    if let document = try QdrantDocument(json, at: path) {
      throw QdrantInference.refusal(of: document, for: "a dense vector")
    }
    if json.object != nil { throw .wrongInput("Conversion between sparse and regular vectors failed") }
    guard let values = json.floats else {
      if json.array?.first?.array != nil {
        throw .wrongInput("Conversion between multi and regular vectors failed")
      }
      throw .format(
        "\(path): data did not match any variant of a vector: expected an array of finite numbers")
    }
    guard values.count == vector.size else {
      throw .wrongInput("Vector dimension error: expected dim: \(vector.size), got \(values.count)")
    }
    // Messages of gRPC can say numbers that JSON cannot, and rounding to integers would make others of them.
    if let other = values.first(where: { !$0.isFinite }) {
      throw .wrongInput("\(path): expected finite numbers, got \(other)")
    }
    return vector.datatype.rounded(values)
  }
}

extension QdrantDefinition.Datatype {
  /// What is read back of stored values.
  func rounded(_ values: [Float]) -> [Float] {
    switch self {
    case .float32, .turbo16, .turbo8, .turbo4: values
    case .float16: values.map { Float(Float16($0)) }
    case .uint8: values.map { Float(UInt8(max(0, min(255, $0)))) }
    }
  }
}
