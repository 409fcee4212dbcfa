internal import Foundation
internal import Synchronization

/// The library for devices, built to run on the CPU (`kernels/cuda/build.sh --emulated`): MOULT_TEST_DEVICE_LIBRARY names it,
/// as `make test` does. Tests that need it are disabled without it.
public enum EmulatedDevice {
  public static let variable = "MOULT_TEST_DEVICE_LIBRARY"

  private static let library = ProcessInfo.processInfo.environment[variable]

  public static var isBuilt: Bool { library != nil }

  /// What may be wrong with a device.
  public enum Fault: String, Sendable, CaseIterable {
    /// Bytes of its memory; many by default.
    case memory = "MOULT_EMULATED_MEMORY"
    /// The number of the launch at which it is lost, counted from when it was opened; 0 for never.
    case lostAtLaunch = "MOULT_EMULATED_LOSE_LAUNCH"
    /// 1: there is no device.
    case absent = "MOULT_EMULATED_ABSENT"

    fileprivate var none: Int { self == .memory ? 1 << 30 : 0 }
  }

  /// They are all set once, and only replaced later: others may be reading the environment.
  private static let turns = Mutex<Void>({ for fault in Fault.allCases { set(fault, fault.none) } }())

  private static func set(_ fault: Fault, _ value: Int) { setenv(fault.rawValue, String(value), 1) }

  /// Has `open` open a library of its own, with state that no other test shares.
  ///
  /// - Parameter open: gets its path; the library must be opened, with its device, when it returns.
  public static func open<Device>(
    _ faults: [Fault: Int] = [:], _ open: (_ library: String) throws -> Device
  ) throws -> Device {
    // Tests without it are disabled.
    let library = library!
    return try turns.withLock { _ in
      let copy = FileManager.default.temporaryDirectory.appendingPathComponent(
        "moult-\(UUID().uuidString).so")
      try FileManager.default.copyItem(at: URL(fileURLWithPath: library), to: copy)
      defer { try? FileManager.default.removeItem(at: copy) }
      defer { for fault in faults.keys { set(fault, fault.none) } }
      for (fault, value) in faults { set(fault, value) }
      if let launch = faults[.lostAtLaunch] {
        // Opening launches something itself, and more the first time.
        set(.lostAtLaunch, 0)
        _ = try open(copy.path)
        let first = (1...100).first { launch in
          set(.lostAtLaunch, launch)
          return (try? open(copy.path)) != nil
        }
        set(.lostAtLaunch, (first ?? 1) + launch - 1)
      }
      return try open(copy.path)
    }
  }
}
