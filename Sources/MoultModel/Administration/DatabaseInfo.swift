/// A database: a space of names for collections and aliases, as Milvus' clients know it.
///
/// Its collections are called `database.name` where all are listed; see ``Name/parts(of:)``.
public struct DatabaseInfo: Sendable, Codable, Equatable {
  /// What a client keeps about it; nothing here depends on it.
  public struct Property: Sendable, Codable, Equatable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// Databases in all at most, as many as Milvus takes.
  public static let countMax = 64
  public static let propertyCountMax = 100
  /// Of all keys and values.
  public static let propertyBytesMax = 65_536

  public var name: String
  /// Unique, never reused; 1 for ``Name/defaultDatabase``.
  public var id: Int64
  public var properties: [Property]
  /// Milliseconds since 1970.
  public var createdAt: Int64

  public init(name: String, id: Int64, properties: [Property], createdAt: Int64) {
    self.name = name
    self.id = id
    self.properties = properties
    self.createdAt = createdAt
  }
}
