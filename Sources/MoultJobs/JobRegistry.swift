package import Foundation

/// Which code runs which kind of job.
package struct JobRegistry: Sendable {
  /// The work of one kind. It resumes from `record.checkpoint`, asks `context.checkCancellation()` often, and
  /// returns its result as JSON. It may run more than once for one job: after a crash, a shutdown or a failure.
  package typealias Run = @Sendable (_ record: JobRecord, _ context: JobContext) async throws -> Data?

  private var runs: [String: Run] = [:]

  package init() {}

  /// - Precondition: `kind` is not registered yet.
  package mutating func register(_ kind: String, _ run: @escaping Run) {
    precondition(runs[kind] == nil, "job kind '\(kind)' is registered twice")
    runs[kind] = run
  }

  package var kinds: [String] { runs.keys.sorted() }

  func run(of kind: String) -> Run? { runs[kind] }
}
