internal import MoultModel

/// Why a command ends without success: a status for scripts, a sentence for people, and what to do next.
struct CommandFailure: Error, Equatable {
  var status: CommandStatus
  var message: String
  var next: String?

  init(_ status: CommandStatus = .failure, _ message: String, next: String? = nil) {
    self.status = status
    self.message = message
    self.next = next
  }

  /// The failure as it is printed on stderr.
  var text: String {
    var text = "moult: \(message)"
    if let next { text += "\n  next: \(next)" }
    return text
  }
}

extension CommandFailure {
  /// What a server refused, with the advice that belongs to its code.
  init(fromServer error: MoultError) {
    self.init(
      error.code == .recallGateFailed ? .recallGateFailed : .failure, error.message, next: error.code.advice)
  }

  /// What went wrong here, with files on the command line or a data directory that is opened.
  init(here error: MoultError) {
    switch error.code {
    case .corrupted: self.init(.failure, error.message, next: "make the file again, or copy it again")
    case .unsupported, .invalidArgument: self.init(.failure, error.message)
    default: self.init(.failure, error.message, next: error.code.advice)
    }
  }

  /// What went wrong while the data directory of `--data` was opened.
  init(opening data: String, _ error: any Error) {
    guard let error = error as? MoultError else {
      self.init(anything: error)
      next = next ?? Self.adviceOnFolder(data)
      return
    }
    switch error.code {
    case .internalError: self.init(.failure, error.message, next: Self.adviceOnFolder(data))
    default: self.init(.failure, error.message, next: error.code.advice)
    }
  }

  private static func adviceOnFolder(_ data: String) -> String {
    "check that --data '\(data)' is a folder (or can become one) that you may write in, or give another --data"
  }

  /// Any error that a command threw.
  init(anything error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as MoultError: self.init(here: error)
    case is CancellationError: self.init(.failure, "interrupted")
    default: self.init(.failure, String(describing: error))
    }
  }
}

extension MoultError.Code {
  /// What a user of the command line can do about it.
  var advice: String? {
    switch self {
    case .collectionNotFound: "`moult collections list` shows what is there"
    case .aliasNotFound: "`moult alias list` shows what is there"
    case .jobNotFound: "`moult jobs list` shows what is there"
    case .collectionExists:
      "choose another name, or drop that one: `moult collections drop NAME`, a field `moult collections drop-field NAME FIELD`"
    case .collectionNotReady:
      "wait for the job that fills it (`moult jobs list`), or for whoever writes its vectors"
    case .aliasExists: "`moult alias alter ALIAS COLLECTION` moves an alias"
    case .nameConflict: "choose a name that no collection and no alias has"
    case .collectionHasAliases: "`moult alias list`, then drop or alter those that point to it"
    case .databaseNotFound, .databaseExists, .databaseNotEmpty:
      "databases are made, listed and dropped through Milvus' API: POST /v2/vectordb/databases/list"
    case .userNotFound, .userExists, .roleNotFound, .roleExists, .roleInUse:
      "users and roles are made, listed and dropped through Milvus' API: POST /v2/vectordb/users/list, …/roles/list"
    case .jobStateConflict: "`moult jobs show ID` says where the job stands"
    case .switchInProgress: "watch it with `moult jobs list`, or cancel it with `moult jobs cancel ID`"
    case .nothingToRollBack: "only the generation before the last switch is kept; switch again instead"
    case .generationConflict: "`moult status NAME` says which generation is live"
    case .recallGateFailed: "raise --oversampling or --dimensions, or accept less with --min-recall"
    case .unauthenticated:
      "give --token or set MOULT_TOKEN; `moult serve` uses root:Milvus unless told otherwise"
    case .permissionDenied: "give the read-write token: --token, --token-file or MOULT_TOKEN"
    case .overloaded: "try again in a moment, or start the server with a larger --max-queued-searches"
    case .deadlineExceeded:
      "ask for less at once, or start the server with a longer --request-timeout"
    case .tooLarge: "send less at once: --batch"
    case .diskFull: "free space where the server's data directory lies, then try again"
    case .corrupted: "`moult verify --data DIR --deep` says what is damaged, `moult repair` mends what can be"
    case .unsupportedVersion: "use a newer moult"
    case .dataDirectoryInUse: "stop the other process, or give another --data"
    case .unavailable: "if the server is shutting down, try again when it is back"
    case .invalidVector, .duplicateID, .pointExists, .dimensionMismatch:
      "nothing was changed; correct the data and try again"
    case .internalError: "the server's log has the details"
    case .invalidArgument, .notProven, .cancelled, .unsupported: nil
    }
  }
}
