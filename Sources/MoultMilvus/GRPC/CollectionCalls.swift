internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var collectionCalls: [RPCMethod] {
    [
      rpc("CreateCollection", .write, ProtoCreateCollectionRequest.self) { request in
        try await operations.create(try request.newCollection())
        return ProtoStatus()
      },
      rpc("DropCollection", .write, ProtoDropCollectionRequest.self) { request in
        try await operations.drop(request.collectionName)
        return ProtoStatus()
      },
      rpc("DescribeCollection", .read, ProtoDescribeCollectionRequest.self) { request in
        let collection = try operations.describe(request.collectionName)
        return ProtoDescribeCollectionResponse(
          collection, askedAs: request.collectionName,
          database: try operations.describeDatabase(Self.database), now: clock.next())
      },
      rpc("HasCollection", .read, ProtoHasCollectionRequest.self) { request in
        let exists = try operations.has(request.collectionName)
        return ProtoBoolResponse.with { $0.value = exists }
      },
      rpc("ShowCollections", .read, ProtoShowCollectionsRequest.self) { request in
        ProtoShowCollectionsResponse(try showCollections(request))
      },
      rpc("RenameCollection", .write, ProtoRenameCollectionRequest.self) { request in
        try await operations.rename(request.oldName, to: request.newName, database: request.newDbname)
        return ProtoStatus()
      },
      rpc("GetCollectionStatistics", .read, ProtoGetCollectionStatisticsRequest.self) { request in
        let count = try operations.describe(request.collectionName).info.count
        return ProtoGetCollectionStatisticsResponse.with {
          $0.stats = [ProtoKeyValuePair(.init(key: "row_count", value: String(count)))]
        }
      },
    ]
  }

  private func showCollections(_ request: ProtoShowCollectionsRequest) throws -> [DescribedCollection] {
    try operations.list().map { DescribedCollection(info: $0, definition: try CollectionDefinition(of: $0)) }
      .filter { request.collectionNames.isEmpty || request.collectionNames.contains($0.info.name) }
      .filter { request.type != .inMemory || $0.definition.isLoaded }
  }
}

extension ProtoShowCollectionsResponse {
  fileprivate init(_ collections: [DescribedCollection]) {
    self.init()
    collectionNames = collections.map(\.info.name)
    collectionIds = collections.map(\.info.id)
    createdTimestamps = collections.map(\.createdTimestamp)
    createdUtcTimestamps = collections.map { UInt64(max(0, $0.info.createdAt)) }
    inMemoryPercentages = collections.map { $0.definition.isLoaded ? 100 : 0 }
    queryServiceAvailable = collections.map(\.definition.isLoaded)
    shardsNum = collections.map { _ in 1 }
  }
}

extension ProtoDescribeCollectionResponse {
  /// - Parameter name: as the client asked, which may be an alias; the schema has the collection's own.
  fileprivate init(
    _ collection: DescribedCollection, askedAs name: String, database: DatabaseInfo, now: UInt64
  ) {
    self.init()
    let (info, definition) = (collection.info, collection.definition)
    schema.name = info.name
    schema.description_p = info.schema.summary
    schema.autoID = info.schema.automaticKeys
    schema.enableDynamicField = definition.isDynamic
    schema.dbName = database.name
    let outputs = definition.functionOutputs
    schema.fields = definition.fields.map { field in
      var described = ProtoFieldSchema(field, id: definition.id(of: field))
      described.isFunctionOutput = outputs.contains(field.name)
      return described
    }
    schema.functions = definition.allFunctions.enumerated().map { ProtoFunctionSchema($1, $0, definition) }
    collectionID = info.id
    collectionName = name
    aliases = info.aliases
    createdTimestamp = collection.createdTimestamp
    createdUtcTimestamp = UInt64(max(0, info.createdAt))
    updateTimestamp = collection.schemaTimestamp
    requestTime = now
    shardsNum = 1
    numPartitions = Int64(definition.partitionCount)
    consistencyLevel = ProtoConsistencyLevel(rawValue: definition.consistencyLevel) ?? .bounded
    properties = definition.properties.map(ProtoKeyValuePair.init)
    dbName = database.name
    dbID = database.id
  }
}

extension ProtoFunctionSchema {
  fileprivate init(
    _ function: CollectionDefinition.Function, _ place: Int, _ definition: CollectionDefinition
  ) {
    self.init()
    func ids(_ names: [String]) -> [Int64] {
      names.compactMap(definition.field).map { definition.id(of: $0) }
    }
    id = Int64(CollectionDefinition.firstFunctionID + place)
    name = function.name
    description_p = function.summary
    type = .bm25
    inputFieldNames = function.inputs
    inputFieldIds = ids(function.inputs)
    outputFieldNames = function.outputs
    outputFieldIds = ids(function.outputs)
    params = function.parameters.map(ProtoKeyValuePair.init)
  }
}

extension CollectionDefinition.Function {
  /// - Throws: 1100 for another type than BM25.
  init(_ function: ProtoFunctionSchema) throws {
    try CollectionDefinition.checkFunction(
      type: function.type == .bm25 ? "BM25" : "\(function.type)", name: function.name)
    self.init(
      name: function.name, summary: function.description_p, inputs: function.inputFieldNames,
      outputs: function.outputFieldNames,
      parameters: function.params.map(CollectionDefinition.Parameter.init))
  }
}

extension ProtoFieldSchema {
  fileprivate init(_ field: CollectionDefinition.Field, id: Int64) {
    self.init()
    fieldID = id
    name = field.name
    isPrimaryKey = field.isPrimary
    description_p = field.summary
    dataType = ProtoDataType(rawValue: field.type.rawValue) ?? .none
    typeParams = field.parameters.map(ProtoKeyValuePair.init)
    autoID = field.automaticKeys
    if let element = field.elementType { elementType = ProtoDataType(rawValue: element.rawValue) ?? .none }
    isPartitionKey = field.isPartitionKey
    isClusteringKey = field.isClusteringKey
    nullable = field.isNullable
    if let text = field.defaultValue, let value = try? JSONReader.parse(text) {
      defaultValue = ProtoValueField(value, type: field.type)
    }
  }
}

extension ProtoValueField {
  fileprivate init(_ value: JSON, type: MilvusType) {
    self.init()
    switch (type, value) {
    case (.bool, .bool(let bool)): boolData = bool
    case (.int8, .int(let number)), (.int16, .int(let number)), (.int32, .int(let number)):
      intData = Int32(clamping: number)
    case (.int64, .int(let number)): longData = number
    case (.float, _): floatData = Float(value.double ?? 0)
    case (.double, _): doubleData = value.double ?? 0
    case (.varChar, .string(let text)): stringData = text
    default: break
    }
  }

  /// JSON; `nil` for none.
  fileprivate var json: String? {
    var writer = JSONWriter()
    switch data {
    case .boolData(let value): writer.value(value)
    case .intData(let value): writer.value(Int64(value))
    case .longData(let value): writer.value(value)
    case .floatData(let value): writer.value(value)
    case .doubleData(let value): writer.value(value)
    case .stringData(let value): writer.value(value)
    case .bytesData, nil: return nil
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

extension ProtoCreateCollectionRequest {
  /// - Throws: 1100 for a schema that cannot be read or kept.
  fileprivate func newCollection() throws -> NewCollection {
    let schema: ProtoCollectionSchema
    do {
      schema = try ProtoCollectionSchema(serializedBytes: self.schema)
    } catch {
      throw MilvusError.invalidParameter("the schema cannot be read: \(error)")
    }
    var fields = try schema.fields.filter { !$0.isDynamic }.map { try CollectionDefinition.Field($0) }
    if schema.autoID, let key = fields.firstIndex(where: \.isPrimary) { fields[key].automaticKeys = true }
    var definition = CollectionDefinition(fields: fields, isDynamic: schema.enableDynamicField)
    if !schema.functions.isEmpty {
      definition.functions = try schema.functions.map(CollectionDefinition.Function.init)
    }
    definition.consistencyLevel = consistencyLevel.rawValue
    definition.properties = properties.map(CollectionDefinition.Parameter.init)
    try MilvusOperations.check(properties: definition.properties)
    try definition.setPartitionKeyCount(Int(clamping: numPartitions))
    return NewCollection(
      name: collectionName, definition: definition, summary: schema.description_p, metric: nil)
  }
}

extension CollectionDefinition.Field {
  init(_ field: ProtoFieldSchema) throws {
    guard let type = MilvusType(rawValue: field.dataType.rawValue) else {
      throw MilvusError.invalidParameter(
        "field \(field.name): data type \(field.dataType.rawValue) is not known")
    }
    self.init(name: field.name, type: type)
    elementType = MilvusType(rawValue: field.elementType.rawValue)
    isPrimary = field.isPrimaryKey
    automaticKeys = field.autoID
    isPartitionKey = field.isPartitionKey
    isClusteringKey = field.isClusteringKey
    isNullable = field.nullable
    summary = field.description_p
    parameters = field.typeParams.map(CollectionDefinition.Parameter.init)
    defaultValue = field.hasDefaultValue ? field.defaultValue.json : nil
  }
}
