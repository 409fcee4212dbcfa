import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

extension Trait where Self == ConditionTrait {
  /// For tests of what runs on a device.
  static var needsDevice: Self {
    .enabled(
      if: EmulatedDevice.isBuilt, "\(EmulatedDevice.variable) names no library; `make test` builds one")
  }
}

/// An emulated device of a test's own, and what its observer was told.
final class DeviceFixture: Sendable {
  let device: Device
  private let told = Mutex<[DeviceEvent]>([])

  init(_ faults: [EmulatedDevice.Fault: Int] = [:]) throws {
    device = try EmulatedDevice.open(faults) { try Device(library: $0) }
    device.observe { [weak self] event in self?.told.withLock { $0.append(event) } }
  }

  var events: [DeviceEvent] { told.withLock { $0 } }

  /// Everything goes to the device that it can do.
  var use: DeviceUse { DeviceUse(device, isForced: true, threads: 1) }
  var parallel: ParallelFor { ParallelFor(device: use, ParallelFor.serial.run) }

  /// Expects that `body` made the device work, and that it did all it was given.
  func expectWork<Result>(
    _ comment: Comment = "", sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Result
  ) rethrows -> Result {
    let before = device.counts
    let result = try body()
    #expect(device.counts.calls > before.calls, comment, sourceLocation: sourceLocation)
    #expect(
      device.counts.fallbacks == before.fallbacks, "\(comment) \(events)", sourceLocation: sourceLocation)
    return result
  }
}
