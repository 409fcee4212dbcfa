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
    /// Searches that name no vector field take another one.
    case defaultFieldMoved
    /// What answers and what may take its place were compared, and differed by no more than was allowed.
    case comparisonPassed
    case comparisonFailed
  }

  /// Rises with every change.
  public var id: Int64
  /// Milliseconds since 1970.
  public var at: Int64
  public var action: Action
  /// The alias or collection; of a comparison the first of the two.
  public var name: String
  /// What it stood for: a collection, a generation as "7 int8", or a vector field. Absent when it was not there.
  public var before: String?
  /// Of a comparison the second of the two.
  public var after: String?
  /// What was measured.
  public var detail: String?
  /// The job that did it.
  public var job: Int64?
  /// Who asked for it, as far as the request said so.
  public var requestedBy: String?

  public init(
    id: Int64 = 0, at: Int64 = 0, action: Action, name: String, before: String? = nil, after: String? = nil,
    detail: String? = nil, job: Int64? = nil, requestedBy: String? = nil
  ) {
    self.id = id
    self.at = at
    self.action = action
    self.name = name
    self.before = before
    self.after = after
    self.detail = detail
    self.job = job
    self.requestedBy = requestedBy
  }
}

/// Who asks for what is being done, in his own words: for the record, not for permission.
public enum Requester {
  @TaskLocal public static var name: String?
}
