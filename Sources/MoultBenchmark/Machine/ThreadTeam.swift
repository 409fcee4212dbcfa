internal import Dispatch
internal import MoultCompute
internal import Synchronization

/// A fixed number of threads that share the rounds of a loop, perhaps with a device beside them.
struct ThreadTeam: Sendable {
  let threads: Int
  let device: DeviceUse?

  init(threads: Int, device: DeviceSelection = .cpu) {
    precondition(threads >= 1)
    self.threads = threads
    self.device = device.use(threads: threads)
  }

  var parallelFor: ParallelFor {
    ParallelFor(device: device) { [threads] count, body in
      guard threads > 1 else { return ParallelFor.serial.run(count, body) }
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
