/// What a backup holds.
public struct BackupSummary: Sendable, Codable, Equatable {
  public struct Collection: Sendable, Codable, Equatable {
    public var name: String
    /// Living points.
    public var rows: Int
    /// The last batch of writes that is in it.
    public var sequence: Int64
    /// Those that answer, and those that a rollback can go back to.
    public var generations: Int

    public init(name: String, rows: Int, sequence: Int64, generations: Int) {
      self.name = name
      self.rows = rows
      self.sequence = sequence
      self.generations = generations
    }
  }

  /// When it began, in milliseconds since 1970.
  public var createdAt: Int64
  public var bytes: Int
  public var entries: Int
  public var collections: [Collection]
  /// Alias → collection.
  public var aliases: [String: String]

  public init(
    createdAt: Int64, bytes: Int, entries: Int, collections: [Collection], aliases: [String: String]
  ) {
    self.createdAt = createdAt
    self.bytes = bytes
    self.entries = entries
    self.collections = collections
    self.aliases = aliases
  }
}

/// What is wanted of a backup, and how it gets along with what is there.
public struct RestoreRequest: Sendable, Equatable {
  /// What becomes of a collection or alias that is there already.
  public enum Present: String, Sendable, CaseIterable {
    /// Nothing is restored.
    case fail
    /// It is replaced, in the instant in which the restored one appears.
    case replace
  }

  /// Only this collection of the backup.
  public var only: String?
  /// Under this name, without its aliases; for a single collection.
  public var name: String?
  public var ifExists: Present

  public init(only: String? = nil, name: String? = nil, ifExists: Present = .fail) {
    self.only = only
    self.name = name
    self.ifExists = ifExists
  }
}

/// What a restore has done.
public struct RestoreReport: Sendable, Codable, Equatable {
  public struct Collection: Sendable, Codable, Equatable {
    public var name: String
    /// Its name in the backup.
    public var source: String
    public var rows: Int
    /// The last batch of writes that is in it.
    public var sequence: Int64
    /// The one that answers.
    public var generation: Int64
    /// Whether it took the place of another one.
    public var replaced: Bool

    public init(
      name: String, source: String, rows: Int, sequence: Int64, generation: Int64, replaced: Bool
    ) {
      self.name = name
      self.source = source
      self.rows = rows
      self.sequence = sequence
      self.generation = generation
      self.replaced = replaced
    }
  }

  public var collections: [Collection]
  public var aliases: [AliasChange]

  public init(collections: [Collection], aliases: [AliasChange]) {
    self.collections = collections
    self.aliases = aliases
  }
}
