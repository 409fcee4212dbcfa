/// Runs `body(0) … body(count − 1)`, on as many threads as the caller likes, and returns when all are done.
///
/// Mathematics knows no tasks or pools; whoever calls it passes one of these. Bodies are independent of
/// each other and no result depends on how many threads ran them.
public struct ParallelFor: Sendable {
  public let run: @Sendable (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

  public init(_ run: @escaping @Sendable (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void) {
    self.run = run
  }

  /// One after another on the calling thread.
  public static let serial = ParallelFor { count, body in
    for index in 0..<count { body(index) }
  }
}
