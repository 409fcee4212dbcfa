internal import Synchronization

/// How many connections there may be.
final class ConnectionLimit: Sendable {
  enum Admission: Sendable {
    case served
    /// Told that there are too many, in the protocol that it speaks.
    case refused
    /// So many are being refused that there is no time for words.
    case dropped
  }

  private static let refusedMax = 64

  private let max: Int
  private let counts = Mutex((served: 0, refused: 0))

  init(max: Int) { self.max = max }

  /// Wants a ``leave(_:)`` when the connection is closed.
  func admit() -> Admission {
    counts.withLock { counts in
      if counts.served < max {
        counts.served += 1
        return .served
      }
      if counts.refused < Self.refusedMax {
        counts.refused += 1
        return .refused
      }
      return .dropped
    }
  }

  func leave(_ admission: Admission) {
    counts.withLock { counts in
      switch admission {
      case .served: counts.served -= 1
      case .refused: counts.refused -= 1
      case .dropped: break
      }
    }
  }

  var servedCount: Int { counts.withLock { $0.served } }
}
