internal import ArgumentParser
internal import MoultModel

/// `moult throttle`: other limits for a job that runs.
struct ThrottleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "throttle",
    abstract: "Change what a switch or reindex may take; one that runs obeys within a second.",
    discussion: """
      What is not named stays as it is. `none` lifts a limit, so that the one of `moult serve` applies, if there is \
      one. Memory is a matter of learning: once a job encodes, a change of it has no effect.
      """)

  @OptionGroup var job: JobsCommand.OneJob
  @Option(
    help: ArgumentHelp("Rows a second that are copied or encoded at most.", valueName: "rows|none"),
    transform: { try ThrottleCommand.limit($0) { try Self.rows($0) } })
  var rowsPerSecond: Limit<Double>?
  @Option(
    help: ArgumentHelp("How far the p99 of searches may rise beside it.", valueName: "+25%|none"),
    transform: { try ThrottleCommand.limit($0) { try LimitOptions.rise($0) } })
  var maxP99: Limit<Double>?
  @Option(
    help: ArgumentHelp("Memory beside the codes and graphs that it makes.", valueName: "bytes|none"),
    transform: { try ThrottleCommand.limit($0) { try LimitOptions.bytes($0) } })
  var memory: Limit<Int>?

  enum Limit<Value: Sendable>: Sendable {
    case none
    case value(Value)

    var value: Value? { if case .value(let value) = self { value } else { nil } }
  }

  private static func limit<Value>(_ text: String, _ read: (String) throws -> Value) throws -> Limit<Value> {
    text == "none" ? .none : .value(try read(text))
  }

  private static func rows(_ text: String) throws -> Double {
    guard let rows = Double(text) else {
      throw ValidationError("--rows-per-second takes a number or none, got '\(text)'")
    }
    return rows
  }

  var change: JobLimitsChange {
    JobLimitsChange(
      rowsPerSecond: rowsPerSecond.map(\.value), maximumP99Rise: maxP99.map(\.value),
      memoryBytes: memory.map(\.value))
  }

  func validate() throws {
    if change.isEmpty {
      throw ValidationError("say what to change: --rows-per-second, --max-p99 or --memory")
    }
    do { try change.applied(to: JobLimits()).validate() } catch { throw ValidationError(error.message) }
  }

  func run() async throws { try await job.put { try await $0.throttleJob($1, change) } }
}
