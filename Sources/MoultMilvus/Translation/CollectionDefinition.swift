internal import Foundation
internal import MoultModel
internal import Synchronization

/// What Milvus' clients said about a collection beyond what the engine has to know: kept word for word in the
/// collection's annotations, so that it is described as it was given.
///
/// The property names are in stored data: changing one makes existing definitions unreadable.
struct CollectionDefinition: Codable, Equatable, Sendable {
  struct Parameter: Codable, Equatable, Sendable {
    var key: String
    var value: String
  }

  struct Field: Codable, Equatable, Sendable {
    var name: String
    var type: MilvusType
    var elementType: MilvusType?
    var isPrimary = false
    var automaticKeys = false
    var isPartitionKey = false
    var isClusteringKey = false
    var isNullable = false
    var summary = ""
    var parameters: [Parameter] = []
    /// JSON.
    var defaultValue: String?

    func parameter(_ key: String) -> String? { parameters.first { $0.key == key }?.value }
  }

  struct Index: Codable, Equatable, Sendable {
    var name: String
    var field: String
    /// As they were given.
    var parameters: [Parameter]

    func parameter(_ key: String) -> String? { parameters.first { $0.key == key }?.value }
  }

  var fields: [Field]
  var isDynamic: Bool
  var indexes: [Index] = []
  var isLoaded = false
  var properties: [Parameter] = []
  /// `nil` for none.
  var functions: [Function]?
  /// Milvus' number; reads see all writes that were answered whatever it is.
  var consistencyLevel = CollectionDefinition.bounded

  /// Beside the default one, which may be released as well.
  var partitions: [Partition]?
  var defaultIsReleased: Bool?
  /// So that none gets the number of one that is gone.
  var partitionsMade: Int?
  /// How often fields or functions came, went or became others.
  var schemaChanges: Int?
  /// Fields that were dropped, whose values still stand in payloads: none gets such a name again.
  var droppedFields: [String]?
  /// Asked for with a partition key, and described; points are not divided.
  var partitionKeyCount: Int?

  static let bounded = 2
  /// As many as Milvus allows.
  static let vectorsMax = 10
  /// The number of the first field; the others follow.
  static let firstFieldID = 100
  /// The longest VarChar there is.
  static let varCharLengthMax = 65_535
  /// The name of the column that holds members without a field.
  static let dynamicField = "$meta"

  /// That of a collection, given or derived: a collection made without a word about fields is dynamic, indexed and
  /// loaded, as the quick form makes them.
  init(of info: CollectionInfo) throws {
    guard let annotations = info.schema.annotations else {
      self.init(undescribed: info)
      describeDefault(info)
      return
    }
    // Another protocol's: what clients of that one have made.
    guard !annotations.hasPrefix("{\"qdrant\":") else {
      guard info.fields.isEmpty else {
        throw MoultError(
          .unsupported,
          "collection '\(info.name)' was made by a client of Qdrant with vectors by name; use it over Qdrant's protocol"
        )
      }
      self.init(undescribed: info)
      return
    }
    self = try Self.stored(annotations, of: info.name)
    leaveOutDropped(info)
    describeDefault(info)
  }

  private static func stored(_ annotations: String, of name: String) throws -> CollectionDefinition {
    if let known = read.withLock({ $0[annotations] }) { return known }
    let definition: CollectionDefinition
    do {
      definition = try JSONDecoder().decode(CollectionDefinition.self, from: Data(annotations.utf8))
    } catch {
      throw MoultError(.corrupted, "the definition of collection '\(name)' cannot be read: \(error)")
    }
    read.withLock { read in
      if read.count >= readMax { read.removeAll() }
      read[annotations] = definition
    }
    return definition
  }

  /// Texts that were read before: every request needs its collection's, and reading it costs more than many a search.
  private static let read = Mutex<[String: CollectionDefinition]>([:])
  private static let readMax = 256

  init(fields: [Field], isDynamic: Bool) {
    self.fields = fields
    self.isDynamic = isDynamic
  }

  /// Of a collection that no client of Milvus has described.
  private init(undescribed info: CollectionInfo) {
    self.init(quick: info.schema)
    guard info.schema.hasPlaceholder else { return }
    fields.removeAll(where: \.type.isVector)
    indexes = []
    for vector in info.fields { describe(vector) }
  }

  /// A vector field that no client of Milvus has made.
  private mutating func describe(_ vector: VectorFieldInfo) {
    var field = Field(name: vector.name, type: .floatVector)
    field.isNullable = true
    field.parameters = [Parameter(key: "dim", value: String(vector.dimension))]
    fields.append(field)
    indexes.append(Self.automaticIndex(of: vector.name, vector.metric))
  }

  /// The one that searches take where they name none is there for clients too, whoever has made it.
  private mutating func describeDefault(_ info: CollectionInfo) {
    guard let name = info.schema.searchField, field(name) == nil,
      let vector = info.fields.first(where: { $0.name == name })
    else { return }
    describe(vector)
    // Clients that keep a schema learn of it.
    schemaChanges = (schemaChanges ?? 0) + 1
  }

  private static func automaticIndex(of field: String, _ metric: Metric) -> Index {
    Index(
      name: field, field: field,
      parameters: [
        Parameter(key: "index_type", value: "AUTOINDEX"),
        Parameter(key: "metric_type", value: metric.milvusName),
      ])
  }

  init(quick schema: CollectionSchema) {
    var key = Field(name: schema.keyField, type: schema.keyKind == .int64 ? .int64 : .varChar)
    key.isPrimary = true
    key.automaticKeys = schema.automaticKeys
    if key.type == .varChar {
      key.parameters = [Parameter(key: "max_length", value: String(Self.varCharLengthMax))]
    }
    var vector = Field(name: schema.vectorField, type: .floatVector)
    vector.parameters = [Parameter(key: "dim", value: String(schema.dimension))]
    self.init(fields: [key, vector], isDynamic: true)
    indexes = [Self.automaticIndex(of: schema.vectorField, schema.metric)]
    isLoaded = true
  }

  var annotations: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// Of every type.
  var vectors: [Field] { fields.filter(\.type.isVector) }
  func field(_ name: String) -> Field? { fields.first { $0.name == name } }
  func id(of field: Field) -> Int64 {
    Int64(Self.firstFieldID + (fields.firstIndex { $0.name == field.name } ?? 0))
  }

  /// Whether both describe the same kind of points; indexes and state apart.
  func hasFields(of other: CollectionDefinition) -> Bool {
    fields == other.fields && isDynamic == other.isDynamic && allFunctions == other.allFunctions
  }

  /// The engine's schema.
  ///
  /// - Parameter metric: `nil` while no index says it.
  /// - Throws: 1100 for what cannot be kept.
  func schema(metric: Metric?, summary: String) throws -> CollectionSchema {
    try Self.checkNames(fields)
    let keys = fields.filter(\.isPrimary)
    guard let key = keys.first else { throw MilvusError.invalidParameter("primary key is not specified") }
    guard keys.count == 1 else {
      throw MilvusError.invalidParameter(
        "there are more than one primary key: \(keys[0].name), \(keys[1].name)")
    }
    guard !vectors.isEmpty else {
      throw MilvusError.invalidParameter("schema does not contain vector field")
    }
    if let other = fields.first(where: {
      $0.name != key.name && !$0.type.isKeptScalar && !$0.type.isVector
    }) {
      throw MilvusError.invalidParameter(
        "field \(other.name) of type \(other.type.name) is not supported by this version of Moult")
    }
    try Self.checkVectors(fields)
    try Self.checkLengths(fields)
    try Self.checkTexts(fields)
    for field in fields { try field.checkDefaultValue() }
    try checkFunctions()
    try checkPartitionKey()
    return CollectionSchema(
      dimension: try firstVector.map(Self.dimension) ?? PlaceholderField.dimension,
      metric: metric ?? .squaredEuclidean,
      keyKind: try Self.keyKind(key), automaticKeys: key.automaticKeys, keyField: key.name,
      vectorField: firstVector?.name ?? PlaceholderField.nameInMilvus, summary: summary,
      annotations: try annotations
    )
  }

  /// - Throws: 1100 for a VarChar without a length that can be.
  static func checkLengths(_ fields: [Field]) throws {
    for field in fields where field.type == .varChar {
      guard let text = field.parameter("max_length") else {
        throw MilvusError.invalidParameter(
          "type param(max_length) should be specified for the field(\(field.name)) of type VarChar")
      }
      guard let length = Int(text), (1...varCharLengthMax).contains(length) else {
        throw MilvusError.invalidParameter(
          "the maximum length specified for the field(\(field.name)) should be in (0, \(varCharLengthMax)], but got \(text)"
        )
      }
    }
  }

  private static func keyKind(_ field: Field) throws -> CollectionSchema.KeyKind {
    switch field.type {
    case .int64: return .int64
    case .varChar: return .string
    default:
      throw MilvusError.invalidParameter("the data type of primary key should be Int64 or VarChar")
    }
  }
}
