internal import CMoultKernels

/// Lets a library ask, between tiles, whether the work is still wanted.
enum DeviceStop {
  private final class Question {
    let isStopped: @Sendable () -> Bool
    init(_ isStopped: @escaping @Sendable () -> Bool) { self.isStopped = isStopped }
  }

  /// - Parameter isStopped: `nil` where nobody changes his mind.
  static func with<Result>(
    _ isStopped: (@Sendable () -> Bool)?, _ body: (UnsafePointer<moult_device_stop>?) -> Result
  ) -> Result {
    guard let isStopped else { return body(nil) }
    let question = Question(isStopped)
    return withExtendedLifetime(question) {
      var stop = moult_device_stop(
        is_stopped: { context in
          Unmanaged<Question>.fromOpaque(context!).takeUnretainedValue().isStopped() ? 1 : 0
        }, context: Unmanaged.passUnretained(question).toOpaque())
      return body(&stop)
    }
  }
}
