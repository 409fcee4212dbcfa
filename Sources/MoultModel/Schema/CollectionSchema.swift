/// The fixed properties of a collection: what a point looks like and how nearness is measured.
public struct CollectionSchema: Sendable, Codable, Equatable {
  /// The kind of primary keys of a collection.
  public enum KeyKind: String, Sendable, Codable, CaseIterable {
    case int64
    case string
    /// Integers and strings beside each other, the integers first in their order. A string that reads as an integer
    /// of 64 bits is no key of such a collection, so that each key has one text.
    case mixed
  }

  /// The number type that vectors had where they came from. Vectors are stored as float32 whatever this
  /// is; `export` writes this type again, so that a float16 file comes back bit for bit.
  public enum ElementType: String, Sendable, Codable, CaseIterable {
    case float32
    case float16
  }

  /// Entries of each vector, 1 … 32 768.
  public var dimension: Int
  public var metric: Metric
  public var keyKind: KeyKind
  /// Whether the server gives out the keys.
  public var automaticKeys: Bool
  /// The name under which a key is read and written ("id" by default).
  public var keyField: String
  /// The name under which a vector is read and written ("vector" by default).
  public var vectorField: String
  public var elementType: ElementType
  public var summary: String
  /// What protocols keep about a collection beside this, as text of theirs. It is stored and never read here.
  public var annotations: String?
  /// Sparse vectors that the server makes of texts; `nil` for a collection that never had any.
  public var textVectors: TextVectors?
  /// The vector field that is searched where a search names none; `nil` for the first one.
  public var searchField: String?
  /// Of a vector field that was added to points: true until all of them have had a vector in it at one moment; `nil` for
  /// all others.
  public var isPartial: Bool?

  public static let dimensionRange = 1...32_768

  public init(
    dimension: Int, metric: Metric = .cosine, keyKind: KeyKind = .int64, automaticKeys: Bool = false,
    keyField: String = "id", vectorField: String = "vector", elementType: ElementType = .float32,
    summary: String = "", annotations: String? = nil, textVectors: TextVectors? = nil,
    searchField: String? = nil, isPartial: Bool? = nil
  ) {
    self.dimension = dimension
    self.metric = metric
    self.keyKind = keyKind
    self.automaticKeys = automaticKeys
    self.keyField = keyField
    self.vectorField = vectorField
    self.elementType = elementType
    self.summary = summary
    self.annotations = annotations
    self.textVectors = textVectors
    self.searchField = searchField
    self.isPartial = isPartial
  }
}
