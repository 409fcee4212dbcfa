/// One change of a name or of what answers under it: who, what, when, before and after.
public struct HistoryEntry: Sendable, Codable, Equatable {
  public enum Action: String, Sendable, Codable, CaseIterable {
    case aliasCreated
    case aliasMoved
    /// It stands for the collection again that it stood for before a reindex moved it.
    case aliasRolledBack
    case aliasDropped
    case collectionCreated
    /// A reindex has made it.
    case collectionReindexed
    /// It came out of a backup.
    case collectionRestored
    case collectionDropped
    /// Another generation answers.
    case generationSwitched
    /// The generation before answers again.
    case generationRolledBack
    /// The generation before the live one is no longer kept.
    case generationRetired
  }

  /// Rises with every change.
  public var id: Int64
  /// Milliseconds since 1970.
  public var at: Int64
  public var action: Action
  /// The alias or collection.
  public var name: String
  /// What it stood for: a collection, or a generation as "7 int8". Absent when it was not there.
  public var before: String?
  public var after: String?
  /// The job that did it.
  public var job: Int64?
  /// Who asked for it, as far as the request said so.
  public var requestedBy: String?

  public init(
    id: Int64 = 0, at: Int64 = 0, action: Action, name: String, before: String? = nil, after: String? = nil,
    job: Int64? = nil, requestedBy: String? = nil
  ) {
    self.id = id
    self.at = at
    self.action = action
    self.name = name
    self.before = before
    self.after = after
    self.job = job
    self.requestedBy = requestedBy
  }
}

/// Who asks for what is being done, in his own words: for the record, not for permission.
public enum Requester {
  @TaskLocal public static var name: String?
}
