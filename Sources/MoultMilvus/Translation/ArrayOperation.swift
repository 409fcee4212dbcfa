internal import MoultModel
internal import MoultServer

/// What a partial update does with the elements that it brings for an array, beside taking the place of those stored.
enum ArrayOperation: String, Sendable {
  /// Puts them behind those that are stored.
  case append = "ARRAY_APPEND"
  /// Takes away all stored ones that are equal to one of them.
  case remove = "ARRAY_REMOVE"

  /// By field.
  ///
  /// - Parameter named: fields with names of operations; `REPLACE` is none.
  /// - Throws: 1100 for another operation, or one that its field cannot have.
  static func operations(
    _ named: [(field: String, name: String)], of definition: CollectionDefinition, isPartial: Bool
  ) throws(MilvusError) -> [String: ArrayOperation] {
    var operations: [String: ArrayOperation] = [:]
    for (field, name) in named where name != "REPLACE" {
      guard let operation = ArrayOperation(rawValue: name) else {
        throw .invalidParameter(
          "unknown field op \(name.prefix(100)) of field \"\(field.prefix(100))\": expected REPLACE, ARRAY_APPEND or ARRAY_REMOVE"
        )
      }
      guard let type = definition.field(field)?.type else {
        throw .invalidParameter(
          "op \(name) names field \"\(field.prefix(100))\", which the collection does not have")
      }
      guard type == .array else {
        throw .invalidParameter("op \(name) requires Array field, but field \"\(field)\" is \(type.name)")
      }
      guard isPartial else {
        throw .invalidParameter("op \(name) of field \"\(field)\" takes a partial update")
      }
      operations[field] = operation
    }
    return operations
  }

  /// The array that is stored then, as JSON.
  ///
  /// - Parameters:
  ///   - stored: `nil` or null for none.
  ///   - given: JSON of an array, or null.
  /// - Throws: 1100 where the field cannot hold it.
  func applied(
    to stored: JSON?, _ given: String, _ field: CollectionDefinition.Field, of id: PointID
  ) throws(MilvusError) -> String {
    let stored = stored?.array ?? []
    let given = (try? JSONReader.parse(given))?.array ?? []
    let elements =
      switch self {
      case .append: stored + given
      case .remove: stored.filter { element in !given.contains { Self.isSame($0, element) } }
      }
    if let fault = field.fault(of: .array(elements)) {
      throw .invalidParameter("entity \(id): field '\(field.name)': \(fault)")
    }
    var writer = JSONWriter(capacity: 64)
    writer.value(JSON.array(elements))
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Numbers are the same however they are written, texts when their bytes are.
  private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
    switch (left, right) {
    case (.int(let a), .int(let b)): a == b
    case (.bool(let a), .bool(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    default: left.double != nil && left.double == right.double
    }
  }
}
