internal import CMoultKernels

/// What a device is, and what it was measured to do.
public struct DeviceInfo: Sendable, Equatable, Codable {
  public var name: String
  /// What its matrix products run on: "wgmma", "mma.sync" or "emulated".
  public var matrixPath: String
  /// As in "9.0".
  public var computeCapability: String
  /// Versions of CUDA, as in "13.0".
  public var driver: String
  public var runtime: String
  public var multiprocessors: Int
  public var memoryBytes: Int
  public var freeBytes: Int
  /// Within the device: bytes read and bytes written.
  public var copyBytesPerSecond: Double
  public var toDeviceBytesPerSecond: Double
  public var fromDeviceBytesPerSecond: Double
  /// Multiply-adds a second of the products of exact search.
  public var bfloat16Rate: Double
  public var int8Rate: Double
  public var float32Rate: Double

  init(_ info: moult_device_info) {
    name = Self.text(info.name)
    matrixPath = Self.text(info.matrix_path)
    computeCapability = "\(info.major).\(info.minor)"
    driver = Self.version(info.driver)
    runtime = Self.version(info.runtime)
    multiprocessors = Int(info.multiprocessors)
    memoryBytes = Int(clamping: info.memory_bytes)
    freeBytes = Int(clamping: info.free_bytes)
    copyBytesPerSecond = info.copy_bytes_per_s
    toDeviceBytesPerSecond = info.to_device_bytes_per_s
    fromDeviceBytesPerSecond = info.from_device_bytes_per_s
    bfloat16Rate = info.bf16_macs_per_s
    int8Rate = info.int8_macs_per_s
    float32Rate = info.f32_macs_per_s
  }

  private static func version(_ number: Int32) -> String { "\(number / 1000).\(number % 1000 / 10)" }

  /// A C string in an array, which Swift sees as a tuple.
  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
