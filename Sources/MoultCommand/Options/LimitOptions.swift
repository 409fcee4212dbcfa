internal import ArgumentParser
internal import MoultModel

/// What a job may take while others use the machine.
struct LimitOptions: ParsableArguments {
  @Option(help: "Rows a second that are copied or encoded at most.")
  var rowsPerSecond: Double?

  @Option(
    help: ArgumentHelp(
      "Slow the job while the p99 of searches is further above the idle one than this.", valueName: "+25%"),
    transform: LimitOptions.rise)
  var maxP99: Double?

  @Option(
    help: ArgumentHelp(
      "Memory that the job may hold beside the codes and graphs that it makes: 64MiB, 1GiB.",
      valueName: "bytes"),
    transform: { try LimitOptions.bytes($0) })
  var memory: Int?

  var limits: JobLimits {
    JobLimits(rowsPerSecond: rowsPerSecond, maximumP99Rise: maxP99, memoryBytes: memory)
  }

  func validate() throws {
    do { try limits.validate() } catch { throw ValidationError(error.message) }
  }

  /// "+25%", "25%" → 0.25.
  static func rise(_ text: String) throws -> Double {
    let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard digits.hasSuffix("%"), let percent = Double(digits.dropLast()), percent.isFinite else {
      throw ValidationError("--max-p99 takes a share above the idle p99 such as +25%, got '\(text)'")
    }
    return percent / 100
  }

  /// "67108864", "64MiB", "1.5GiB", "10G": powers of 1024.
  static func bytes(_ text: String, option: String = "--memory") throws -> Int {
    let units: [(suffix: String, bytes: Double)] = [
      ("KiB", 1_024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("K", 1_024), ("M", 1_048_576),
      ("G", 1_073_741_824), ("", 1),
    ]
    for unit in units where text.hasSuffix(unit.suffix) {
      guard let count = Double(text.dropLast(unit.suffix.count)), count >= 0, count * unit.bytes < 1e15 else {
        break
      }
      return Int(count * unit.bytes)
    }
    throw ValidationError("\(option) takes bytes such as 67108864, 64MiB or 1GiB, got '\(text)'")
  }
}
