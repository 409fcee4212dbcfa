internal import Synchronization

/// Locks for the nodes of a graph; nodes share locks, so a thread must never hold two.
final class GraphNodeLocks: @unchecked Sendable {
  private let locks: UnsafeMutablePointer<Mutex<Void>>
  private let mask: UInt32
  private let count: Int

  init(nodeCount: Int) {
    var count = 1
    while count < min(nodeCount, 1 << 14) { count *= 2 }
    self.count = count
    mask = UInt32(count - 1)
    locks = .allocate(capacity: count)
    for index in 0..<count { (locks + index).initialize(to: Mutex(())) }
  }

  deinit {
    locks.deinitialize(count: count)
    locks.deallocate()
  }

  @inline(__always)
  func withLock<Result: Sendable>(_ row: UInt32, _ body: () -> Result) -> Result {
    locks[Int(row & mask)].withLock { _ in body() }
  }
}
