internal import MoultModel
internal import MoultServer
internal import Synchronization

/// What Qdrant's clients said about a collection: kept word for word in the collection's annotations, so that it is
/// told again exactly as it was given. Clients compare it.
///
/// The text is `{"qdrant":1,…}`. *Its member names are in stored data.*
struct QdrantDefinition: Equatable, Sendable {
  /// The number type of vectors: they are rounded to it when they are written.
  enum Datatype: String, CaseIterable, Sendable {
    case float32, float16, uint8
    /// Coarser forms of Qdrant's, which spare room; here they spare none, and nothing is lost.
    case turbo16, turbo8, turbo4
  }

  struct Vector: Equatable, Sendable {
    /// Empty for the one that has none.
    var name: String
    /// The engine's name of the vector field.
    var field: String
    var size: Int
    var distance: QdrantDistance
    var datatype: Datatype = .float32
    /// As it was given, without nulls.
    var given: JSONObject
  }

  /// A vector of many rows.
  struct MultiVector: Equatable, Sendable {
    /// Empty for the one that has none.
    var name: String
    /// Of the part of payloads that holds it.
    var part: Int
    /// Of each row.
    var size: Int
    var distance: QdrantDistance
    var datatype: Datatype = .float32
    /// As it was given, without nulls.
    var given: JSONObject
  }

  struct SparseVector: Equatable, Sendable {
    var name: String
    /// Member of the payload that holds it.
    var member: String
    /// As it was given, without nulls.
    var given: JSONObject
    /// Whether the server makes it of a text; then it is no part of what clients have said.
    var isOfText = false
  }

  struct PayloadIndex: Equatable, Sendable {
    var field: String
    /// As it was given: a word, or an object with `type`.
    var schema: JSON

    var type: String { schema.string ?? schema["type"]?.string ?? "keyword" }
  }

  /// Whether vectors have names; a collection without dense vectors has.
  var isNamed: Bool
  /// In the order in which they were given.
  var vectors: [Vector]
  var sparseVectors: [SparseVector] = []
  /// Those that are gone included, so that none gets the member of one of them.
  var sparseVectorsMade = 0
  var multiVectors: [MultiVector] = []
  /// Likewise.
  var multiVectorsMade = 0
  /// `hnsw_config` and all the others, as they were given, without nulls.
  var settings = JSONObject()
  var payloadIndexes: [PayloadIndex] = []
  /// Whether the server makes vectors of texts, or once did.
  var hadTextVectors = false

  static let multiVectorsMax = 16

  /// Names of all vectors.
  var names: [String] { vectors.map(\.name) + multiVectors.map(\.name) + sparseVectors.map(\.name) }
  /// Whether stored payloads may hold members that are not the user's.
  var hidesMembers: Bool { sparseVectorsMade > 0 || multiVectorsMade > 0 || hadTextVectors }
  /// Whether points' payloads are needed to know their vectors.
  var hasVectorsInPayload: Bool { !sparseVectors.isEmpty || !multiVectors.isEmpty }

  /// The engine's names of the id and of the first vector field. Where vectors have names that one is a placeholder, since
  /// points need not have any vector.
  static let keyField = "id"
  static let unnamedField = "vector"

  /// What definitions of this protocol begin with, and those of others do not.
  static let mark = "{\"qdrant\":"

  // MARK: Stored form

  init(isNamed: Bool, vectors: [Vector] = []) {
    self.isNamed = isNamed
    self.vectors = vectors
  }

  /// - Throws: `corrupted` for annotations of ours that cannot be read.
  init(of info: CollectionInfo) throws {
    try self.init(given: info)
    leaveOutDropped(info)
    hadTextVectors = info.schema.textVectors != nil
    for vector in info.schema.textVectors?.vectors ?? [] {
      sparseVectors.append(
        SparseVector(
          name: vector.name, member: vector.member, given: ["modifier": .string("idf")], isOfText: true))
    }
  }

  /// Vectors whose fields were dropped by others than clients of Qdrant are there no more, whatever clients have said.
  private mutating func leaveOutDropped(_ info: CollectionInfo) {
    vectors.removeAll { vector in
      (info.schema.vectorField, info.schema.dimension) != (vector.field, vector.size)
        && !info.fields.contains { $0.name == vector.field && $0.dimension == vector.size }
    }
    // Without the one that has no name, all have one. Clients who have named no other learn of those that there are.
    guard !isNamed, !names.contains("") else { return }
    isNamed = true
    if vectors.isEmpty, info.schema.hasPlaceholder {
      vectors = info.fields.map { Self.foreign($0.name, $0.name, $0.dimension, $0.metric) }
    }
  }

  /// A vector that no client of Qdrant has made.
  private static func foreign(_ name: String, _ field: String, _ size: Int, _ metric: Metric) -> Vector {
    let distance = QdrantDistance(metric)
    return Vector(
      name: name, field: field, size: size, distance: distance,
      given: ["size": .int(Int64(size)), "distance": .string(distance.rawValue)])
  }

  private init(given info: CollectionInfo) throws {
    guard let text = info.schema.annotations, text.hasPrefix(Self.mark) else {
      self.init(foreign: info)
      return
    }
    if let known = Self.read.withLock({ $0[text] }) {
      self = known
      return
    }
    guard let json = try? JSONReader.parse(text, keepsLarge: true), let read = QdrantDefinition(stored: json)
    else {
      throw MoultError(.corrupted, "the definition of collection '\(info.name)' cannot be read")
    }
    self = read
    Self.read.withLock { known in
      if known.count >= Self.readMax { known = [:] }
      known[text] = read
    }
  }

  /// Texts that were read before: every request needs its collection's.
  private static let read = Mutex<[String: QdrantDefinition]>([:])
  private static let readMax = 256

  /// Of a collection that another protocol has made: its first vector has no name where it is the only one.
  private init(foreign info: CollectionInfo) {
    isNamed = !info.fields.isEmpty || info.schema.hasPlaceholder
    vectors = info.fields.map { Self.foreign($0.name, $0.name, $0.dimension, $0.metric) }
    guard !info.schema.hasPlaceholder else { return }
    let first = info.schema
    vectors.insert(
      Self.foreign(isNamed ? first.vectorField : "", first.vectorField, first.dimension, first.metric), at: 0)
  }

  private init?(stored json: JSON) {
    guard json["qdrant"]?.int == 1, let isNamed = json["named"]?.bool, let vectors = json["vectors"]?.array,
      let sparse = json["sparse"]?.array, let made = json["sparseMade"]?.int,
      let settings = json["settings"]?.object,
      let indexes = json["indexes"]?.array
    else { return nil }
    self.isNamed = isNamed
    self.settings = settings
    sparseVectorsMade = Int(made)
    // Definitions of versions before multivectors have none of these.
    multiVectorsMade = Int(json["multiMade"]?.int ?? 0)
    for vector in json["multi"]?.array ?? [] {
      guard let name = vector["name"]?.string, let part = vector["part"]?.int.flatMap({ Int(exactly: $0) }),
        let given = vector["given"]?.object, let read = MultiVector(name: name, part: part, given: given)
      else { return nil }
      multiVectors.append(read)
    }
    self.vectors = []
    for vector in vectors {
      guard let name = vector["name"]?.string, let field = vector["field"]?.string,
        let given = vector["given"]?.object, let read = Vector(name: name, field: field, given: given)
      else { return nil }
      self.vectors.append(read)
    }
    for vector in sparse {
      guard let name = vector["name"]?.string, let member = vector["member"]?.string,
        let given = vector["given"]?.object
      else { return nil }
      sparseVectors.append(SparseVector(name: name, member: member, given: given))
    }
    for index in indexes {
      guard let field = index["field"]?.string, let schema = index["schema"] else { return nil }
      payloadIndexes.append(PayloadIndex(field: field, schema: schema))
    }
  }

  var annotations: String {
    var json = JSONWriter()
    json.beginObject()
    json.member("qdrant", 1)
    json.member("named", isNamed)
    json.key("vectors")
    json.beginArray()
    for vector in vectors {
      json.value(
        .object([
          "name": .string(vector.name), "field": .string(vector.field), "given": .object(vector.given),
        ]))
    }
    json.endArray()
    json.key("sparse")
    json.beginArray()
    for vector in sparseVectors where !vector.isOfText {
      json.value(
        .object([
          "name": .string(vector.name), "member": .string(vector.member), "given": .object(vector.given),
        ]))
    }
    json.endArray()
    json.member("sparseMade", sparseVectorsMade)
    if multiVectorsMade > 0 {
      json.key("multi")
      json.beginArray()
      for vector in multiVectors {
        json.value(
          .object([
            "name": .string(vector.name), "part": .int(Int64(vector.part)), "given": .object(vector.given),
          ]))
      }
      json.endArray()
      json.member("multiMade", multiVectorsMade)
    }
    json.member("settings", .object(settings))
    json.key("indexes")
    json.beginArray()
    for index in payloadIndexes {
      json.value(.object(["field": .string(index.field), "schema": index.schema]))
    }
    json.endArray()
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }
}

extension QdrantDefinition.MultiVector {
  /// - Returns: `nil` unless size and distance are there.
  init?(name: String, part: Int, given: JSONObject) {
    guard let like = QdrantDefinition.Vector(name: name, field: "", given: given) else { return nil }
    self.init(
      name: name, part: part, size: like.size, distance: like.distance, datatype: like.datatype, given: given)
  }
}

extension QdrantDefinition.Vector {
  /// - Returns: `nil` unless size and distance are there.
  init?(name: String, field: String, given: JSONObject) {
    guard let size = given["size"]?.int.flatMap({ Int(exactly: $0) }),
      let distance = given["distance"]?.string.flatMap(QdrantDistance.init)
    else { return nil }
    self.init(
      name: name, field: field, size: size, distance: distance,
      datatype: given["datatype"]?.string.flatMap(QdrantDefinition.Datatype.init) ?? .float32, given: given)
  }
}
