/// What went wrong, for programs and for people.
///
/// The message says what was expected, what came and where. Codes are stable; each protocol maps them in
/// one exhaustive `switch`.
public struct MoultError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A stable reason. Adding a case stops the build wherever a protocol must decide about it.
  public enum Code: String, Sendable, CaseIterable {
    /// A value is malformed, out of range or missing; nothing was changed.
    case invalidArgument
    /// A vector's length differs from the collection's dimension.
    case dimensionMismatch
    /// A vector has NaN or infinite entries, or is zero where the metric is cosine.
    case invalidVector
    /// The same id stands twice in one batch.
    case duplicateID
    /// An insert met an id that is already stored.
    case pointExists
    case collectionNotFound
    case collectionExists
    /// The collection is being built and cannot be used yet.
    case collectionNotReady
    case aliasNotFound
    /// The alias already points to another collection.
    case aliasExists
    /// One name for both an alias and a collection.
    case nameConflict
    /// The collection cannot be dropped while aliases point to it.
    case collectionHasAliases
    case databaseNotFound
    case databaseExists
    /// The database cannot be dropped while it has collections.
    case databaseNotEmpty
    case userNotFound
    case userExists
    case roleNotFound
    case roleExists
    /// The role cannot be dropped while something is granted to it.
    case roleInUse
    case jobNotFound
    /// The job's state does not allow the request.
    case jobStateConflict
    /// Another switch or reindex is at work on this collection.
    case switchInProgress
    /// There is no earlier generation to go back to.
    case nothingToRollBack
    /// Another generation is live than the one that the request was made for.
    case generationConflict
    /// Measured recall was below what was asked for; nothing was swapped.
    case recallGateFailed
    /// Nothing shows that what has taken its place can stand for it.
    case notProven
    case unauthenticated
    /// The token of the request does not allow what it asks for.
    case permissionDenied
    /// A request is larger than the server's limit.
    case tooLarge
    /// The disk is full; nothing was changed.
    case diskFull
    /// A file is damaged, truncated or of another kind.
    case corrupted
    /// Data written by a newer version of Moult.
    case unsupportedVersion
    /// Another process uses the data directory.
    case dataDirectoryInUse
    case cancelled
    case unsupported
    /// The server is shutting down.
    case unavailable
    /// As much is under way as the server was set up for; the same request can be sent again later.
    case overloaded
    /// The request's time ran out before it was begun or answered.
    case deadlineExceeded
    case internalError
  }

  public let code: Code
  /// A full sentence: what was expected, what came, where, and what to do next.
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(message) (\(code.rawValue))" }
}
