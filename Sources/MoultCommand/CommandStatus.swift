/// What `moult` tells its caller when it ends. Scripts rely on these numbers: add, never renumber.
enum CommandStatus: Int32, CaseIterable {
  case success = 0
  /// Refused by the server, a bad file, or anything without a number of its own.
  case failure = 1
  case usage = 2
  /// The job goes on; this command no longer watches it.
  case detached = 3
  case recallGateFailed = 4
  case jobFailed = 5
  case unreachable = 6

  var meaning: String {
    switch self {
    case .success: "done"
    case .failure: "refused, or failed for another reason; the last line says why"
    case .usage: "the command line is not valid; nothing was done"
    case .detached: "a job is still at work (`moult status`, or Ctrl-C while one is watched)"
    case .recallGateFailed: "measured recall was below --min-recall; nothing was swapped"
    case .jobFailed: "the job failed or was cancelled; nothing was swapped"
    case .unreachable: "no server answered at --url"
    }
  }

  /// The table in `moult --help`.
  static var table: String {
    allCases.map { "  \($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
  }
}
