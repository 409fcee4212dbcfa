internal import MoultModel
internal import MoultServer

/// Vectors of one point as a request gives them.
struct PointVectors: Sendable {
  /// By the definition's vectors, in their order; `nil` where nothing was given.
  var dense: [[Float]?]
  /// By the definition's sparse vectors, likewise.
  var sparse: [QdrantSparseVector?]

  /// - Throws: 400 for names that are not there, for vectors of another kind or dimension; 422 for sparse vectors that
  ///   cannot be.
  init(_ json: JSON?, _ definition: QdrantDefinition, at path: String) throws(QdrantError) {
    dense = [[Float]?](repeating: nil, count: definition.vectors.count)
    sparse = [QdrantSparseVector?](repeating: nil, count: definition.sparseVectors.count)
    switch json {
    case nil, .null?: throw .format("missing field `\(path)`")
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
      guard let vector = try QdrantSparseVector(json, at: path) else {
        throw .wrongInput("Conversion between sparse and regular vectors failed")
      }
      sparse[place] = vector
    } else {
      // Which vector is wrong is said before its form is looked at, as by Qdrant.
      throw .wrongInput("Not existing vector name error: \(name)")
    }
  }

  /// One dense vector, rounded to the number type that it is stored in.
  static func dense(
    _ json: JSON, _ vector: QdrantDefinition.Vector, at path: String
  ) throws(QdrantError) -> [Float] {
    if json.object != nil {
      if json["indices"] != nil { throw .wrongInput("Conversion between sparse and regular vectors failed") }
      throw .badRequest(
        "\(path): vectors cannot be made of documents, images or objects here; send the vector itself")
    }
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
    case .float32: values
    case .float16: values.map { Float(Float16($0)) }
    case .uint8: values.map { Float(UInt8(max(0, min(255, $0)))) }
    }
  }
}
