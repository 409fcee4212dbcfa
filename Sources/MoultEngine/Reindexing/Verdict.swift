import Foundation
import MoultJobs
import MoultModel

/// What verification found, kept in the checkpoint while a job waits to go live.
struct Verdict: Codable, Sendable {
  /// An older one is not trusted: rows have come since, and searches have changed. Verification takes seconds.
  static let secondsMax = 600.0

  var report: SwitchReport
  var reachedAt: Date

  func isFresh(at now: Date) -> Bool {
    (0...Self.secondsMax).contains(now.timeIntervalSince(reachedAt))
  }

  /// Verifies before the job waits, so that a gate that is not reached is known early, and again before it goes live
  /// if that was long ago.
  ///
  /// - Parameters:
  ///   - present: of an earlier attempt.
  ///   - verify: measures, and saves its verdict in the job's checkpoint.
  /// - Returns: a fresh verdict of a job that may go live now.
  /// - Throws: `JobHeld` once there is a verdict of a job that may not.
  static func reach(
    _ context: JobContext, present: Verdict?, verify: () async throws -> Verdict
  ) async throws -> Verdict {
    var verdict = present
    while true {
      if let verdict {
        if let until = try context.heldUntil() { throw JobHeld(until: until) }
        if verdict.isFresh(at: context.now) { return verdict }
      }
      verdict = try await verify()
    }
  }
}

extension SwitchReport {
  /// Adds what an earlier attempt of the job spent: this one found the generation made, and only measured it again.
  mutating func addCosts(of earlier: SwitchReport?) {
    guard let earlier else { return }
    trainSeconds += earlier.trainSeconds
    encodeSeconds += earlier.encodeSeconds
    indexSeconds += earlier.indexSeconds
    writersPausedSeconds += earlier.writersPausedSeconds
    totalSeconds += earlier.totalSeconds
    if trainingRows == 0 { trainingRows = earlier.trainingRows }
    // What an earlier attempt built or refined, this one kept.
    if graph == nil || graph?.kind == .kept { graph = earlier.graph ?? graph }
    graph?.seconds = indexSeconds
  }
}
