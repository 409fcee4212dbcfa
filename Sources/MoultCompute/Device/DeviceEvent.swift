/// What whoever runs a device should hear of: the calls themselves only say that the work has still to be done.
public enum DeviceEvent: Sendable, Equatable, CustomStringConvertible {
  /// Work was done by the CPU. Told once, until the device has done such work again.
  case fellBack(DeviceWork.Kind, reason: String)
  /// The device is not asked again. Told once.
  case lost(DeviceWork.Kind, reason: String)

  public var description: String {
    switch self {
    case .fellBack(let kind, let reason):
      "\(kind.rawValue) went on on the CPU, because the device could not do it: \(reason)"
    case .lost(let kind, let reason):
      "the device was lost, and is not used again before a restart; \(kind.rawValue) went on on the CPU: \(reason)"
    }
  }
}
