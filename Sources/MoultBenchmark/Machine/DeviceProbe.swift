internal import MoultCompute
package import MoultModel

/// Looks for a device for batch work and measures it.
package enum DeviceProbe {
  package struct Report: Sendable, Codable, Equatable {
    /// MOULT_DEVICE, or what stands for it: cpu, cuda, auto.
    package var choice: String
    /// Why there is none.
    package var refusal: String?
    /// Path of the library that drives it.
    package var library: String?
    package var name: String?
    /// What its matrix products run on.
    package var matrixPath: String?
    package var computeCapability: String?
    /// Versions of CUDA.
    package var driver: String?
    package var runtime: String?
    package var multiprocessors: Int?
    package var memoryBytes: Int?
    package var freeBytes: Int?
    /// Within the device, reads and writes together, and over the link; 10⁹ bytes a second.
    package var copyGbPerS: Double?
    package var toDeviceGbPerS: Double?
    package var fromDeviceGbPerS: Double?
    /// 10¹² multiply-adds a second of exact search's products.
    package var bfloat16TmacPerS: Double?
    package var int8TmacPerS: Double?
    package var float32TmacPerS: Double?
  }

  /// - Throws: `invalidArgument` for a value of MOULT_DEVICE that nobody knows.
  package static func run() throws(MoultError) -> Report {
    report(try DeviceChoice.ofEnvironment().select())
  }

  static func report(_ selection: DeviceSelection) -> Report {
    var report = Report(choice: selection.choice.rawValue, refusal: selection.refusal)
    guard let device = selection.device else { return report }
    report.library = device.libraryPath
    guard let info = device.info() else {
      report.refusal = "the device was opened, but could not be measured"
      return report
    }
    report.name = info.name
    report.matrixPath = info.matrixPath
    report.computeCapability = info.computeCapability
    report.driver = info.driver
    report.runtime = info.runtime
    report.multiprocessors = info.multiprocessors
    report.memoryBytes = info.memoryBytes
    report.freeBytes = info.freeBytes
    report.copyGbPerS = info.copyBytesPerSecond / 1e9
    report.toDeviceGbPerS = info.toDeviceBytesPerSecond / 1e9
    report.fromDeviceGbPerS = info.fromDeviceBytesPerSecond / 1e9
    report.bfloat16TmacPerS = info.bfloat16Rate / 1e12
    report.int8TmacPerS = info.int8Rate / 1e12
    report.float32TmacPerS = info.float32Rate / 1e12
    return report
  }
}
