import Foundation
import MoultModel
import Testing

@testable import MoultCommand

@Suite("Times to go live")
struct SwapTimeTests {
  private static let calendar: Calendar = {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 3600)!
    return calendar
  }()
  /// 2026-11-21 17:30 at UTC+1.
  private static let now = Date(timeIntervalSince1970: 1_795_278_600)

  @Test(
    "a time of day is the next one, a date is itself",
    arguments: [
      ("17:31", 1_795_278_660), ("17:30", 1_795_365_000), ("03:00", 1_795_312_800),
      ("2026-11-22T03:00", 1_795_312_800), ("2026-11-21T17:30", 1_795_278_600),
    ] as [(String, Int64)])
  func times(text: String, seconds: Int64) {
    #expect(SwapTime(text, after: Self.now, calendar: Self.calendar)?.milliseconds == seconds * 1_000)
  }

  @Test("manual waits for a person")
  func manual() {
    #expect(SwapTime(argument: "manual")?.milliseconds == JobInfo.untilReleased)
    #expect("\(SwapTime(milliseconds: JobInfo.untilReleased))" == "it is released")
  }

  @Test(
    "what is no time is refused",
    arguments: [
      "", "noon", "3:00", "24:00", "12:60", "12:00:00", "-1:00", "2026-02-30T03:00", "2026-13-01T03:00",
      "T03:00", "2026-11-22", "2026-11-22T", "1T2T3", "٠٣:٠٠x",
    ])
  func refused(text: String) {
    #expect(SwapTime(text, after: Self.now, calendar: Self.calendar) == nil)
  }
}
