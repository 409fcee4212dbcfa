/// The moment from which nobody waits for the answer to a request.
///
/// What reads is given up then. A change that has not been begun is refused; one that has been begun is carried
/// through and answered as it came out, so that no answer says less than what happened.
public struct Deadline: Sendable {
  /// Of the request under way; `nil` where there is none.
  @TaskLocal public static var current: Deadline?

  public let instant: ContinuousClock.Instant
  /// That the request was given.
  public let seconds: Double

  /// - Parameter seconds: from now.
  public init(seconds: Double) {
    self.seconds = seconds
    instant = .now + .seconds(seconds)
  }

  public var hasPassed: Bool { ContinuousClock.now >= instant }

  public var error: MoultError {
    MoultError(.deadlineExceeded, "the request was not done within its \(seconds) s; nothing was changed")
  }

  /// Called where a change is about to begin.
  ///
  /// - Throws: `deadlineExceeded` when the request under way has no time left.
  public static func check() throws(MoultError) {
    if let current, current.hasPassed { throw current.error }
  }
}
