internal import MoultModel
internal import Synchronization

/// Finds answers that were given by what was no longer current when their request began.
///
/// Publications (switches, alias swaps, rollbacks) form a sequence. A publication is *confirmed* once a
/// client could know that it has happened: it was acknowledged, or any answer came from it. A request that
/// begins after position p was confirmed must be answered from a position ≥ p. Going back to an earlier
/// generation is a new position, so that an old answer before it and a right answer after it are told apart.
///
/// Before a change is asked for, it is announced: from then on both the old and the new may answer, and after
/// the acknowledgement only the new, for requests that begin later. What a job will publish is not known
/// beforehand; such a change is announced without a name and takes that of the first unknown answer.
final class StalenessChecker: Sendable {
  /// The knowledge with which a request began.
  struct Ticket: Sendable, Equatable {
    fileprivate let position: Int
  }

  enum Verdict: Sendable, Equatable {
    case current
    /// Confirmed before the request began: `expected`.
    case stale(expected: ServedBy)
  }

  /// A change that was announced and not yet settled.
  struct Announcement: Sendable, Equatable {
    /// Its place in the sequence, for a change with a name.
    fileprivate let position: Int?
  }

  private struct State {
    var sequence: [ServedBy]
    var confirmed = 0
    /// Changes under way whose generation is not known yet.
    var unnamed = 0
  }

  private let state: Mutex<State>

  /// - Parameter current: what answers now, before any change.
  init(current: ServedBy) {
    state = Mutex(State(sequence: [current]))
  }

  /// What is known to be current.
  var current: ServedBy { state.withLock { $0.sequence[$0.confirmed] } }

  /// To be called right before a request is sent.
  func begin() -> Ticket { state.withLock { Ticket(position: $0.confirmed) } }

  /// To be called when the answer is complete.
  func end(_ ticket: Ticket, servedBy: ServedBy) -> Verdict {
    state.withLock { state in
      if let position = state.sequence[ticket.position...].firstIndex(of: servedBy) {
        state.confirmed = max(state.confirmed, position)
        return .current
      }
      if state.unnamed > 0 && !state.sequence.contains(servedBy) {
        state.sequence.append(servedBy)
        state.unnamed -= 1
        state.confirmed = state.sequence.count - 1
        return .current
      }
      return .stale(expected: state.sequence[ticket.position])
    }
  }

  /// A change to `next` is about to be asked for.
  func announce(_ next: ServedBy) -> Announcement {
    state.withLock { state in
      state.sequence.append(next)
      return Announcement(position: state.sequence.count - 1)
    }
  }

  /// A change whose outcome has no name yet is about to be asked for.
  func announceUnnamed() -> Announcement {
    state.withLock { $0.unnamed += 1 }
    return Announcement(position: nil)
  }

  /// The change has happened: it was acknowledged, or its job was seen completed.
  func acknowledge(_ announcement: Announcement, as published: ServedBy) {
    state.withLock { state in
      if let position = announcement.position {
        precondition(state.sequence[position] == published, "announced another publication")
        state.confirmed = max(state.confirmed, position)
      } else if let position = state.sequence.lastIndex(of: published) {
        // An answer has named it already.
        state.confirmed = max(state.confirmed, position)
      } else {
        state.unnamed -= 1
        state.sequence.append(published)
        state.confirmed = state.sequence.count - 1
      }
    }
  }
}
