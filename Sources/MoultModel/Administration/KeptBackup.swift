/// A backup that the data directory keeps.
public struct KeptBackup: Sendable, Equatable {
  public var name: String
  /// Milliseconds since 1970.
  public var createdAt: Int64
  public var bytes: Int
  /// SHA-256 of all of it, in hexadecimal digits.
  public var checksum: String

  public init(name: String, createdAt: Int64, bytes: Int, checksum: String) {
    self.name = name
    self.createdAt = createdAt
    self.bytes = bytes
    self.checksum = checksum
  }
}
