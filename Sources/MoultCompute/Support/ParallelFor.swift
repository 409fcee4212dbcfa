/// Runs `body(0) … body(count − 1)`, on as many threads as the caller likes, and returns when all are done.
///
/// Mathematics knows no tasks or pools; whoever calls it passes one of these. Bodies are independent of
/// each other and no result depends on how many threads ran them.
public struct ParallelFor: Sendable {
  public let run: @Sendable (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void
  /// Beside the threads, for whole batches; no result depends on it either. `nil`: all work is the threads'.
  public var device: DeviceUse?

  public init(
    device: DeviceUse? = nil,
    _ run: @escaping @Sendable (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void
  ) {
    self.run = run
    self.device = device
  }

  /// One after another on the calling thread.
  public static let serial = ParallelFor { count, body in
    for index in 0..<count { body(index) }
  }
}
