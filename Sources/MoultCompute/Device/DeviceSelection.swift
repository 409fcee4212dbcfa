internal import Glibc
public import MoultModel

extension DeviceChoice {
  /// What the environment of this process says.
  public static func ofEnvironment() throws(MoultError) -> DeviceChoice {
    try DeviceChoice(variable: getenv(variable).map { String(cString: $0) })
  }

  /// Opens the process's device where one is wanted.
  public func select() -> DeviceSelection { select { Device.opening } }

  func select(_ open: () -> Result<Device, MoultError>) -> DeviceSelection {
    guard self != .cpu else { return .cpu }
    switch open() {
    case .success(let device): return DeviceSelection(choice: self, device: device)
    case .failure(let error): return DeviceSelection(choice: self, refusal: error.message)
    }
  }
}

/// What became of a choice.
public struct DeviceSelection: Sendable {
  public let choice: DeviceChoice
  /// `nil`: all work runs on the CPU.
  public let device: Device?
  /// Why there is none although one was looked for.
  public let refusal: String?

  public init(choice: DeviceChoice, device: Device? = nil, refusal: String? = nil) {
    self.choice = choice
    self.device = device
    self.refusal = refusal
  }

  public static let cpu = DeviceSelection(choice: .cpu)

  /// Whether a device was asked for in vain.
  public var isProblem: Bool { choice == .cuda && device == nil }

  /// For a loop of so many threads.
  public func use(threads: Int) -> DeviceUse? {
    device.map { DeviceUse($0, isForced: choice == .cuda, threads: threads) }
  }

  /// One line for a log. It asks the device nothing.
  public var summary: String {
    if let device {
      return choice == .cuda
        ? "batch work runs on the device of '\(device.libraryPath)', as \(DeviceChoice.variable)=cuda asks"
        : "batch work runs on the device of '\(device.libraryPath)' where that is sooner"
    }
    guard let refusal else { return "batch work runs on the CPU" }
    return choice == .cuda
      ? "\(DeviceChoice.variable)=cuda asks for a device, but batch work runs on the CPU: \(refusal)"
      : "batch work runs on the CPU: \(refusal)"
  }
}
