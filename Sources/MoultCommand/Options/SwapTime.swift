internal import ArgumentParser
internal import Foundation
internal import MoultModel

/// When something may go live: a time of day, a date and time, or when a person says so.
struct SwapTime: ExpressibleByArgument, CustomStringConvertible {
  /// Milliseconds since 1970; `JobInfo.untilReleased` for a person.
  var milliseconds: Int64

  static let help = ArgumentHelp(
    "Go live then and not before: HH:MM (the next such time here), YYYY-MM-DDTHH:MM, or manual: when "
      + "`moult jobs release` says so.",
    valueName: "time")

  init(milliseconds: Int64) { self.milliseconds = milliseconds }

  init?(argument: String) { self.init(argument, after: Date(), calendar: .current) }

  /// - Returns: `nil` unless `text` is "manual" or a time that exists.
  init?(_ text: String, after now: Date, calendar: Calendar) {
    if text == "manual" {
      self.init(milliseconds: JobInfo.untilReleased)
      return
    }
    let parts = text.split(separator: "T", omittingEmptySubsequences: false)
    guard let time = parts.last, let clock = Self.numbers(time, separator: ":", lengths: [2, 2]),
      clock[0] < 24, clock[1] < 60
    else { return nil }
    var wanted = DateComponents(hour: clock[0], minute: clock[1], second: 0)
    let date: Date?
    switch parts.count {
    case 1:
      date = calendar.nextDate(after: now, matching: wanted, matchingPolicy: .nextTime)
    case 2:
      guard let day = Self.numbers(parts[0], separator: "-", lengths: [4, 2, 2]) else { return nil }
      (wanted.year, wanted.month, wanted.day) = (day[0], day[1], day[2])
      let found = calendar.date(from: wanted)
      // A calendar makes 2 March of 30 February.
      let back = found.map { calendar.dateComponents([.year, .month, .day], from: $0) }
      date = back?.year == day[0] && back?.month == day[1] && back?.day == day[2] ? found : nil
    default: return nil
    }
    guard let date else { return nil }
    let milliseconds = Int64((date.timeIntervalSince1970 * 1_000).rounded())
    guard (0...JobInfo.untilReleased).contains(milliseconds) else { return nil }
    self.init(milliseconds: milliseconds)
  }

  private static func numbers(_ text: Substring, separator: Character, lengths: [Int]) -> [Int]? {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.map(\.count) == lengths else { return nil }
    let numbers = parts.compactMap { $0.allSatisfy(\.isNumber) ? Int($0) : nil }
    return numbers.count == lengths.count ? numbers : nil
  }

  var description: String {
    milliseconds == JobInfo.untilReleased ? "it is released" : Figure.moment(milliseconds)
  }
}
