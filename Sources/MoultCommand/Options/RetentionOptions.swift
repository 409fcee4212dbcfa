internal import ArgumentParser
internal import MoultModel

/// How long a server keeps earlier generations.
struct RetentionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Give up a generation that has not been live for so long: 90s, 30m, 24h, 7d. Without, the one before the last "
        + "switch is kept until the next one.", valueName: "time"),
    transform: RetentionOptions.seconds)
  var keepGenerationsFor: Double?

  @Option(
    help: ArgumentHelp(
      "Bytes of all earlier generations together; those that were left first go first: 512M, 10G.",
      valueName: "bytes"),
    transform: { try LimitOptions.bytes($0, option: "--keep-generations-bytes") })
  var keepGenerationsBytes: Int?

  var retention: GenerationRetention {
    GenerationRetention(seconds: keepGenerationsFor, bytes: keepGenerationsBytes)
  }

  static func seconds(_ text: String) throws -> Double {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()), count >= 0,
      count * unit <= 1e10
    else {
      throw ValidationError("--keep-generations-for takes a time such as 90s, 30m, 24h or 7d, got '\(text)'")
    }
    return count * unit
  }
}
