internal import Dispatch
internal import Foundation
internal import Synchronization

/// A source of neighbours at work: on a thread of its own where it does not need the build's threads, so that these
/// insert the rows of upper levels meanwhile.
final class NeighborSearch: Sendable {
  private let outcome = Mutex<Result<GraphNeighbors?, any Error>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)

  init(
    _ source: any GraphNeighborSource, degree: Int, linkCount: Int, seed: UInt64,
    isCancelled: @escaping @Sendable () -> Bool
  ) {
    let search: @Sendable () -> Void = {
      let found = Result {
        try source.neighbors(degree: degree, linkCount: linkCount, seed: seed, isCancelled: isCancelled)
      }
      self.outcome.withLock { $0 = found }
      self.isDone.signal()
    }
    if source.worksBeside {
      Thread.detachNewThread(search)
    } else {
      search()
    }
  }

  /// Whether it is known by now that nothing was found.
  var isInVain: Bool {
    outcome.withLock { outcome in
      switch outcome {
      case nil, .success(.some): false
      case .success(.none), .failure: true
      }
    }
  }

  /// Waits for the end. To be called before what the source reads goes away.
  func wait() throws -> GraphNeighbors? {
    isDone.wait()
    isDone.signal()
    return try outcome.withLock { $0 }?.get()
  }
}
