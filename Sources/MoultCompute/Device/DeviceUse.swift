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

  /// Whether to try the device. Without force nobody waits for his turn either: `perform` is told so.
  func takes(_ work: @autoclosure () -> DeviceWork) -> Bool {
    if device.isLost { return false }
    if isForced { return true }
    guard let info = device.info() else { return false }
    return DeviceCost(info, instructionSet: InstructionSet.current, threads: threads).prefersDevice(work())
  }

  /// `Device.perform` for work that `takes` took.
  func perform(_ kind: DeviceWork.Kind, _ call: (Device.Calls) -> DeviceStatus) -> Bool {
    device.perform(kind, waits: isForced, call)
  }
}
