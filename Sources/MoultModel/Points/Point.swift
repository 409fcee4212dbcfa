/// A primary key: an integer or a string, as the collection's schema says, which may also allow both.
public enum PointID: Hashable, Sendable, CustomStringConvertible {
  case int64(Int64)
  case string(String)

  public var description: String {
    switch self {
    case .int64(let value): String(value)
    case .string(let value): value
    }
  }
}

extension PointID {
  /// The key that a text stands for where keys are of both kinds: the opposite of `description`.
  public static func mixed(_ text: String) -> PointID { Int64(text).map(PointID.int64) ?? .string(text) }
}

// Strings are equal when their bytes are: Unicode's canonical equivalence would make one key of what SQLite
// stores as two.
extension PointID {
  public static func == (left: PointID, right: PointID) -> Bool {
    switch (left, right) {
    case (.int64(let a), .int64(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.int64, .string), (.string, .int64): false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .int64(let value): hasher.combine(value)
    case .string(var value): value.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }
}

/// As in JSON: a number or a string.
extension PointID: Codable {
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let number = try? value.decode(Int64.self) {
      self = .int64(number)
    } else {
      self = .string(try value.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .int64(let number): try value.encode(number)
    case .string(let text): try value.encode(text)
    }
  }
}

extension PointID: Comparable {
  /// Integers before strings; integers by value, strings by their UTF-8 bytes.
  public static func < (left: PointID, right: PointID) -> Bool {
    switch (left, right) {
    case (.int64(let a), .int64(let b)): a < b
    case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
    case (.int64, .string): true
    case (.string, .int64): false
    }
  }
}

/// A batch of points in columns: the form in which points travel between layers.
public struct PointBatch: Sendable {
  /// Keys, one a point; empty when the collection gives out the keys itself.
  public var ids: [PointID]
  /// `count × dimension`, row-major.
  public var vectors: [Float]
  public var dimension: Int
  /// JSON objects as text, one a point, stored byte for byte (an empty text for a point without payload);
  /// empty when no point has one.
  public var payloads: [String]
  /// Vectors of the fields beside the first, by field; a field that is left out has none for any point.
  public var fields: [String: FieldVectors]

  public init(
    ids: [PointID], vectors: [Float], dimension: Int, payloads: [String] = [],
    fields: [String: FieldVectors] = [:]
  ) {
    self.fields = fields
    self.ids = ids
    self.vectors = vectors
    self.dimension = dimension
    self.payloads = payloads
  }

  /// Points in the batch, by its vectors.
  public var count: Int { dimension > 0 ? vectors.count / dimension : 0 }
}

/// One stored point as it is read back.
public struct Point: Sendable, Equatable {
  public var id: PointID
  /// Absent when it was not asked for.
  public var vector: [Float]?
  /// A JSON object as text, byte for byte as it was stored.
  public var payload: String?
  /// Vectors of the fields beside the first, where the point has one; empty when vectors were not asked for.
  public var fields: [String: [Float]]

  public init(
    id: PointID, vector: [Float]? = nil, payload: String? = nil, fields: [String: [Float]] = [:]
  ) {
    self.fields = fields
    self.id = id
    self.vector = vector
    self.payload = payload
  }
}
