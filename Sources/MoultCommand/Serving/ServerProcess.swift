internal import Foundation

/// `moult serve` as a child process on a free port, for demos, benchmarks and tests.
///
/// The child ends with us even if we are killed: it watches a pipe that closes with this process.
final class ServerProcess {
  /// What `moult serve` prints before its address.
  static let announcement = "listening on "

  let url: String
  let dataDirectory: String
  private let process: Process
  private let lifeline: Pipe
  private let logPath: String

  private static let startSecondsMax = 120.0
  private static let stopSecondsMax = 20.0

  var processID: Int32 { process.processIdentifier }

  /// Bytes of memory that the server holds, file pages it has mapped included; `nil` when not known.
  var residentBytes: Int? { memoryBytes("VmRSS:") }

  /// Bytes of its heap and stacks; `nil` when not known.
  var anonymousBytes: Int? { memoryBytes("RssAnon:") }

  private func memoryBytes(_ name: String) -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
      let kilobytes = line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap({ Int($0) }
      )
    else { return nil }
    return kilobytes * 1024
  }

  /// Processor time that the server has taken, in seconds; `nil` when not known.
  var processorSeconds: Double? {
    // The name, in brackets, may hold anything; 11 fields after it come user and system time, in ticks.
    guard let stat = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
      let fields = stat.split(separator: ")").last?.split(separator: " "), fields.count > 12,
      let user = Double(fields[11]), let system = Double(fields[12])
    else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Waits until the server has hardly anything left to do: what it was given before is not part of a measurement.
  func becomeIdle() async {
    let (lookSeconds, idleShare) = (1.0, 0.02)
    while let before = processorSeconds {
      try? await Task.sleep(for: .seconds(lookSeconds))
      guard !Task.isCancelled, let after = processorSeconds, after - before > idleShare * lookSeconds else {
        return
      }
    }
  }

  /// Bytes that the server has caused to be written to the disk so far; `nil` when not known.
  var writtenBytes: Int? {
    let counters = try? String(contentsOfFile: "/proc/\(processID)/io", encoding: .utf8)
    return counters?.split(separator: "\n").first { $0.hasPrefix("write_bytes: ") }
      .flatMap { Int($0.dropFirst("write_bytes: ".count)) }
  }

  /// The end of what the server said, for when something went wrong.
  var logTail: String {
    let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
    return String(log.suffix(2000))
  }

  /// Starts the program that is running now (or `executable`) as a server and waits until it listens.
  ///
  /// - Throws: what the server said when it ended instead.
  init(
    dataDirectory: String, executable: String? = nil, port: Int = 0, arguments: [String] = []
  ) async throws {
    self.dataDirectory = dataDirectory
    logPath = dataDirectory + ".log"
    guard FileManager.default.createFile(atPath: logPath, contents: nil),
      let log = FileHandle(forWritingAtPath: logPath)
    else {
      throw CommandFailure(.failure, "cannot write '\(logPath)'")
    }
    process = Process()
    lifeline = Pipe()
    process.executableURL = URL(fileURLWithPath: executable ?? Self.ownExecutable)
    process.arguments =
      ["serve", "--data", dataDirectory, "--port", String(port), "--stop-with-stdin"] + arguments
    process.standardInput = lifeline
    process.standardOutput = FileHandle.nullDevice
    process.standardError = log
    try process.run()
    try? lifeline.fileHandleForReading.close()
    url = try await Self.address(of: process, logPath: logPath)
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(atPath: logPath)
  }

  /// Asks the server to end and waits for it.
  ///
  /// - Returns: its exit status.
  @discardableResult
  func stop() async -> Int32 {
    process.terminate()
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(Self.stopSecondsMax)
    while process.isRunning {
      if clock.now > deadline { kill(process.processIdentifier, SIGKILL) }
      try? await Task.sleep(for: .milliseconds(10))
    }
    return process.terminationStatus
  }

  /// The file of the program that is running.
  static var ownExecutable: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  private static func address(of process: Process, logPath: String) async throws -> String {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(startSecondsMax)
    while clock.now < deadline {
      let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
      // Only whole lines: the last one may still be written.
      for line in log.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
        if let range = line.range(of: announcement) {
          return String(line[range.upperBound...].prefix { !$0.isWhitespace })
        }
      }
      guard process.isRunning else {
        throw CommandFailure(.failure, "the server did not start:\n\(log.suffix(2000))")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    kill(process.processIdentifier, SIGKILL)
    throw CommandFailure(.failure, "the server did not listen within \(Int(startSecondsMax)) s")
  }
}
