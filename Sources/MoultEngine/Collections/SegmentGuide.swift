import MoultCompute
import Synchronization

/// Guides through the graphs of a segment: of all generations of one space, since they are right for any codes of
/// its rows.
///
/// In memory only, 64 bytes a row. Searches do without until they are made.
final class SegmentGuide: Sendable {
  private enum State {
    case notMade
    /// `nil`: too few rows, or too many dimensions.
    case made(GraphGuide?)
  }
  private let state = Mutex(State.notMade)

  var value: GraphGuide? {
    state.withLock { if case .made(let guide) = $0 { guide } else { nil } }
  }

  /// Makes the guides, unless they are there; about a third of a second for 100,000 rows.
  func make(encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor) {
    guard state.withLock({ if case .notMade = $0 { true } else { false } }) else { return }
    let guide = GraphGuide(encoder: encoder, codes: codes, parallel: parallel)
    state.withLock { $0 = .made(guide) }
  }
}
