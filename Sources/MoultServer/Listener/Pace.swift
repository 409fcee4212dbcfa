internal import NIOCore

/// How slow clients may be.
package struct Pace: Sendable, Equatable {
  /// For what is small: a handshake, the head of a request, the first bytes of a body or an answer.
  package var patienceSeconds: Double
  /// Of bodies and answers, after that.
  package var bytesPerSecondMin: Int

  package init(patienceSeconds: Double = 10, bytesPerSecondMin: Int = 1024) {
    self.patienceSeconds = patienceSeconds
    self.bytesPerSecondMin = bytesPerSecondMin
  }

  var patience: TimeAmount { .nanoseconds(Int64(patienceSeconds * 1e9)) }

  /// The time in which so many bytes must have moved.
  func allowance(_ byteCount: Int) -> TimeAmount {
    patience + .nanoseconds(Int64(Double(byteCount) / Double(bytesPerSecondMin) * 1e9))
  }
}
