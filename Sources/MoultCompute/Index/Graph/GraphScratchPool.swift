internal import Synchronization

/// Lends scratch space to walks over graphs of one size; holds as many as were ever in use at once, up to
/// a limit.
final class GraphScratchPool: Sendable {
  private struct Idle: @unchecked Sendable {
    // Each is used by the one thread that took it out.
    var scratches: [GraphScratch] = []
  }

  private let rowCount: Int
  private let linkCount: Int
  private let idle = Mutex(Idle())
  private static let idleMax = 64

  init(rowCount: Int, linkCount: Int) {
    self.rowCount = rowCount
    self.linkCount = linkCount
  }

  func withScratch<Result>(_ body: (GraphScratch) throws -> Result) rethrows -> Result {
    let scratch =
      idle.withLock { Lent(scratch: $0.scratches.popLast()) }.scratch
      ?? GraphScratch(rowCount: rowCount, linkCount: linkCount)
    let lent = Lent(scratch: scratch)
    defer {
      idle.withLock { idle in
        if idle.scratches.count < Self.idleMax, let scratch = lent.scratch {
          idle.scratches.append(scratch)
        }
      }
    }
    return try body(scratch)
  }

  private struct Lent: @unchecked Sendable {
    let scratch: GraphScratch?
  }
}
