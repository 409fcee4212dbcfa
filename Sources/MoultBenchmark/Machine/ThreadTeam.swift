internal import Dispatch
internal import MoultCompute
internal import Synchronization

/// A fixed number of threads that share the rounds of a loop.
struct ThreadTeam: Sendable {
  let threads: Int

  init(threads: Int) {
    precondition(threads >= 1)
    self.threads = threads
  }

  var parallelFor: ParallelFor {
    guard threads > 1 else { return .serial }
    return ParallelFor { [threads] count, body in
      let next = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: min(threads, max(count, 1))) { _ in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          body(index)
        }
      }
    }
  }
}
