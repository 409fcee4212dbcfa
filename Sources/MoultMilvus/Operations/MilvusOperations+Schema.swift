internal import MoultEngine
internal import MoultModel

/// Changes of the fields and functions that a collection was made with.
extension MilvusOperations {
  /// By its number.
  ///
  /// - Throws: 100.
  func describe(number: Int64) throws -> DescribedCollection {
    guard let info = try engine.listCollections().first(where: { $0.id == number }) else {
      throw MilvusError.collectionNotFound(String(number))
    }
    return try describe(info.name)
  }

  /// Gives a field another length; points that are stored stay as they are.
  ///
  /// - Throws: 1100 for what cannot be changed.
  func alterField(
    _ name: String, of collectionName: String, set: [CollectionDefinition.Parameter], remove: [String]
  ) async throws {
    let collection = try describe(collectionName)
    let keys = set.map(\.key) + remove
    if let other = keys.first(where: { !["max_length", "mmap.enabled"].contains($0) }) {
      throw MilvusError.invalidParameter("can not alter the field property \(other.prefix(100))")
    }
    guard !remove.contains("max_length") else {
      throw MilvusError.invalidParameter("can not delete max_length of field \(name)")
    }
    try await alter(collection.info.name) { definition in
      guard let place = definition.fields.firstIndex(where: { $0.name == name }) else {
        throw MilvusError.invalidParameter("field \(name) does not exist in collection \(collectionName)")
      }
      var field = definition.fields[place]
      let isText = field.type == .varChar || field.elementType == .varChar
      guard isText || !keys.contains("max_length") else {
        throw MilvusError.invalidParameter(
          "max_length is of VarChar fields, and field \(name) is of type \(field.type.name)")
      }
      field.parameters.removeAll { keys.contains($0.key) }
      field.parameters += set
      guard field != definition.fields[place] else { return }
      try CollectionDefinition.checkLengths([field])
      definition.fields[place] = field
      definition.schemaChanges = (definition.schemaChanges ?? 0) + 1
    }
  }

  /// Takes a field away, with its index. Values that stand in payloads stay there, where nobody sees them.
  ///
  /// - Parameter number: of the field, where it has no name.
  /// - Throws: 1100 for one that others need.
  func dropField(_ name: String, number: Int64 = 0, of collectionName: String) async throws {
    let collection = try describe(collectionName)
    let definition = collection.definition
    let found = definition.fields.first {
      name.isEmpty ? definition.id(of: $0) == number : $0.name == name
    }
    guard let field = found else {
      throw MilvusError.invalidParameter(
        "field not found: \(name.isEmpty ? String(number) : String(name.prefix(100)))")
    }
    try await alter(collection.info.name) { definition in
      if let reason = definition.reasonToKeep(field) {
        throw MilvusError.invalidParameter("field \(field.name) cannot be dropped: \(reason)")
      }
      definition.fields.removeAll { $0.name == field.name }
      definition.indexes.removeAll { $0.field == field.name }
      if !field.type.isDenseVector {
        definition.droppedFields = (definition.droppedFields ?? []) + [field.name]
      }
      definition.schemaChanges = (definition.schemaChanges ?? 0) + 1
    }
    guard field.type.isDenseVector else { return }
    do { try await engine.dropVectorField(field.name, from: collection.info.name) } catch {
      // The engine keeps it: it is filled, searched by default, or an import waits for its commit.
      let place = definition.fields.firstIndex { $0.name == field.name } ?? definition.fields.count
      let indexes = definition.indexes.filter { $0.field == field.name }
      try await alter(collection.info.name) { definition in
        guard !definition.fields.contains(where: { $0.name == field.name }) else { return }
        definition.fields.insert(field, at: min(place, definition.fields.count))
        definition.indexes += indexes
      }
      throw error
    }
  }

  /// Adds a function and the field that it makes, of the points that are there too.
  func add(
    _ function: CollectionDefinition.Function, output: CollectionDefinition.Field, to name: String
  ) async throws {
    let collection = try describe(name)
    try CollectionDefinition.checkNames([output])
    try await alter(collection.info.name) { definition in
      guard definition.field(output.name) == nil else {
        throw MilvusError.invalidParameter("duplicated field name: \(output.name)")
      }
      guard function.outputs == [output.name] else {
        throw MilvusError.invalidParameter(
          "function \(function.name) has other output fields than \(output.name)")
      }
      definition.fields.append(output)
      definition.functions = definition.allFunctions + [function]
      definition.schemaChanges = (definition.schemaChanges ?? 0) + 1
      try CollectionDefinition.checkVectors(definition.fields)
      try definition.checkFunctions()
    }
  }

  /// Takes away a function with the fields that it makes.
  func dropFunction(_ function: String, of name: String, dropsOutputs: Bool) async throws {
    let collection = try describe(name)
    guard dropsOutputs else {
      throw MilvusError.invalidParameter(
        "function \(function): its output fields hold nothing without it, and have to be dropped too")
    }
    try await alter(collection.info.name) { definition in
      guard let dropped = definition.allFunctions.first(where: { $0.name == function }) else {
        throw MilvusError.invalidParameter("function not found: \(function)")
      }
      definition.fields.removeAll { dropped.outputs.contains($0.name) }
      definition.indexes.removeAll { dropped.outputs.contains($0.field) }
      let functions = definition.allFunctions.filter { $0.name != function }
      definition.functions = functions.isEmpty ? nil : functions
      definition.schemaChanges = (definition.schemaChanges ?? 0) + 1
      guard !definition.vectors.isEmpty else {
        throw MilvusError.invalidParameter("schema does not contain vector field")
      }
    }
  }
}

extension CollectionDefinition {
  /// Why a field cannot go; `nil` for one that can.
  fileprivate func reasonToKeep(_ field: Field) -> String? {
    if isDynamic { return "the collection has a dynamic field, which would show its values" }
    if field.isPrimary || field.isPartitionKey || field.isClusteringKey { return "it is a key" }
    if functionOutputs.contains(field.name) { return "a function makes it; drop the function" }
    if allFunctions.contains(where: { $0.inputs.contains(field.name) }) { return "a function reads it" }
    guard field.type.isVector else { return nil }
    if vectors.count == 1 { return "it is the only vector field" }
    return field.name == firstVector?.name ? "it is the collection's first vector field" : nil
  }
}
