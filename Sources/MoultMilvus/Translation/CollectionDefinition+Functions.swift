internal import MoultModel
internal import MoultServer

/// Functions: what Milvus makes of a text when it is inserted, Moult makes when it is searched. All are BM25.
extension CollectionDefinition {
  struct Function: Codable, Equatable, Sendable {
    var name: String
    var summary = ""
    var inputs: [String]
    var outputs: [String]
    var parameters: [Parameter] = []
  }

  /// Milvus' number of the type.
  static let bm25 = 1
  /// The number of the first function; the others follow.
  static let firstFunctionID = 100

  var allFunctions: [Function] { functions ?? [] }
  var functionOutputs: Set<String> { Set(allFunctions.flatMap(\.outputs)) }

  /// The field whose text makes `field`; `nil` for one that clients write.
  func source(of field: Field) -> Field? {
    allFunctions.first { $0.outputs.contains(field.name) }?.inputs.first.flatMap { self.field($0) }
  }

  /// - Throws: 1100 for another one than BM25.
  static func checkFunction(type: String, name: String) throws {
    guard type.uppercased() != "BM25" else { return }
    throw MilvusError.invalidParameter(
      "function \(name): type \(type.prefix(100)) is not supported by this version of Moult",
      expected: "BM25",
      actual: type)
  }

  /// - Throws: 1100.
  func checkFunctions() throws {
    var names: Set<String> = []
    var taken: Set<String> = []
    for function in allFunctions {
      guard !function.name.isEmpty else {
        throw MilvusError.invalidParameter("function name cannot be empty")
      }
      guard names.insert(function.name).inserted else {
        throw MilvusError.invalidParameter("duplicate function name: \(function.name)")
      }
      try checkInput(of: function)
      try checkOutput(of: function)
      guard taken.insert(function.outputs[0]).inserted else {
        throw MilvusError.invalidParameter(
          "duplicate function output field: function \(function.name), field \(function.outputs[0])")
      }
      if let parameter = function.parameters.first {
        throw MilvusError.invalidParameter(
          "BM25 function accepts no params: function \(function.name), param \(parameter.key)")
      }
    }
  }

  private func checkInput(of function: Function) throws {
    let inputs = try function.inputs.map { name in
      guard let field = field(name) else {
        throw MilvusError.invalidParameter("function input field not found: \(name)")
      }
      return field
    }
    guard let input = inputs.first, inputs.count == 1, input.type == .varChar else {
      throw MilvusError.invalidParameter(
        "BM25 function input field must be a VARCHAR field, got \(inputs.count) field with type \(inputs.map(\.type.name).joined(separator: ", "))"
      )
    }
    guard !input.isPrimary else {
      throw MilvusError.invalidParameter(
        "BM25 function input field cannot be the primary key in this version of Moult: \(input.name)")
    }
    guard input.isAnalyzed else {
      throw MilvusError.invalidParameter("BM25 function input field must set enable_analyzer to true")
    }
  }

  private func checkOutput(of function: Function) throws {
    guard let name = function.outputs.first, function.outputs.count == 1 else {
      throw MilvusError.invalidParameter(
        "BM25 function only need 1 output field, but got \(function.outputs.count)")
    }
    guard let output = field(name) else {
      throw MilvusError.invalidParameter("function output field not found: \(name)")
    }
    guard output.type == .sparseFloatVector else {
      throw MilvusError.invalidParameter(
        "BM25 function output field must be a SparseFloatVector field, but got \(output.type.name)")
    }
    guard !output.isPartitionKey, !output.isClusteringKey else {
      throw MilvusError.invalidParameter(
        "function output field cannot be partition key or clustering key: function \(function.name), field \(name)"
      )
    }
    guard !output.isNullable else {
      throw MilvusError.invalidParameter(
        "function output field cannot be nullable: function \(function.name), field \(name)")
    }
  }
}
