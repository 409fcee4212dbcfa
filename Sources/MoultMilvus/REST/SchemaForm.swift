internal import MoultServer

/// `schema` of `collections/create`.
struct SchemaForm {
  var automaticKeys: Bool
  var enableDynamicField: Bool
  var description: String
  var fields: [CollectionDefinition.Field] = []
  private var functions: [CollectionDefinition.Function] = []

  init(_ schema: RequestFields) throws {
    automaticKeys = try schema.bool("autoID") ?? false
    enableDynamicField = try schema.bool("enableDynamicField") ?? false
    description = try schema.string("description") ?? ""
    for (index, value) in (try schema.array("fields") ?? []).enumerated() {
      guard let object = value.object else {
        throw schema.mismatch("fields[\(index)]", expected: "an object", value)
      }
      fields.append(
        try Self.field(RequestFields(object, path: "schema.fields[\(index)].", ignoresCase: true)))
    }
    for (index, value) in (try schema.array("functions") ?? []).enumerated() {
      guard let object = value.object else {
        throw schema.mismatch("functions[\(index)]", expected: "an object", value)
      }
      functions.append(
        try Self.function(
          RequestFields(object, path: "schema.functions[\(index)].", ignoresCase: true)))
    }
  }

  private static func function(_ fields: RequestFields) throws -> CollectionDefinition.Function {
    let name = try fields.string("name") ?? ""
    try CollectionDefinition.checkFunction(type: try fields.string("type") ?? "", name: name)
    let lists = MilvusFields(fields, type: "")
    return CollectionDefinition.Function(
      name: name, summary: try fields.string("description") ?? "",
      inputs: try lists.strings("inputFieldNames") ?? [],
      outputs: try lists.strings("outputFieldNames") ?? [],
      parameters: JSONParameter.list(try fields.fields("params")))
  }

  static func field(_ fields: RequestFields) throws -> CollectionDefinition.Field {
    let typeName = try fields.string("dataType") ?? ""
    guard let type = MilvusType(name: typeName) else {
      throw MilvusError.invalidParameter("data type \(typeName) is invalid(case sensitive).")
    }
    var field = CollectionDefinition.Field(name: try fields.string("fieldName") ?? "", type: type)
    field.elementType = try fields.string("elementDataType").flatMap(MilvusType.init(name:))
    field.isPrimary = try fields.bool("isPrimary") ?? false
    field.automaticKeys = try fields.bool("autoID") ?? false
    field.isPartitionKey = try fields.bool("isPartitionKey") ?? false
    field.isClusteringKey = try fields.bool("isClusteringKey") ?? false
    field.isNullable = try fields.bool("nullable") ?? false
    field.summary = try fields.string("description") ?? ""
    field.parameters = JSONParameter.list(try fields.fields("elementTypeParams"))
    if let value = fields["defaultValue"], value != .null {
      if let fault = field.fault(of: value) {
        throw MilvusError.invalidParameter("default value of field \(field.name): \(fault)")
      }
      var writer = JSONWriter()
      writer.value(value)
      field.defaultValue = String(decoding: writer.bytes, as: UTF8.self)
    }
    return field
  }

  func definition() throws -> CollectionDefinition {
    var fields = fields
    if automaticKeys, let key = fields.firstIndex(where: \.isPrimary) { fields[key].automaticKeys = true }
    var definition = CollectionDefinition(fields: fields, isDynamic: enableDynamicField)
    if !functions.isEmpty { definition.functions = functions }
    return definition
  }
}
