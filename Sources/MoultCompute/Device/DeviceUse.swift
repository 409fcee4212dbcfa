internal import Synchronization

/// A device beside a loop's threads, and which work goes there: what is predicted to be done sooner, or all it can do.
public struct DeviceUse: Sendable {
  public let device: Device
  /// Whether everything goes to the device that it can do, but for single queries.
  public let isForced: Bool
  /// Of the loop.
  public let threads: Int

  public init(_ device: Device, isForced: Bool = false, threads: Int) {
    self.device = device
    self.isForced = isForced
    self.threads = threads
  }

  /// Whether to try the device. Without force nobody waits for his turn, neither here nor where work begins.
  func takes(_ work: @autoclosure () -> DeviceWork) -> Bool {
    if device.isLost { return false }
    if isForced { return true }
    guard let info = device.info(waits: false) else { return false }
    return DeviceCost(info, instructionSet: InstructionSet.current, threads: threads).prefersDevice(work())
  }

  /// `Device.perform` for work that `takes` took.
  ///
  /// - Parameter isBegun: whether some of it is done, which would be in vain: it waits for its turn then.
  func perform(
    _ kind: DeviceWork.Kind, isBegun: Bool = false, prepares: Bool = false,
    _ call: (Device.Calls) -> DeviceStatus
  ) -> Bool {
    device.perform(kind, waits: isForced || isBegun, prepares: prepares, call)
  }
}
