import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus: times")
struct TimestampTextTests {
  @Test(
    "any zone becomes UTC, and zeros are not shown",
    arguments: [
      ("2025-01-01T00:00:00+08:00", "2024-12-31T16:00:00Z"),
      ("2024-02-29 12:30:00.500", "2024-02-29T12:30:00.5Z"),
      ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"), ("0001-01-01", "0001-01-01T00:00:00Z"),
      ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"), ("2000-03-01T00:00:10Z", "2000-03-01T00:00:10Z"),
    ])
  func shown(text: String, shown: String) {
    #expect(TimestampText.stored(text).map(TimestampText.shown) == shown)
  }

  @Test(
    "what is no time is none",
    arguments: ["", "yesterday", "2025-13-01", "2025-02-30", "0001-01-01T00:00:00+01:00"])
  func none(text: String) { #expect(TimestampText.stored(text) == nil) }

  @Test(
    "law: what is stored is in the order of times, and is read back as it was; the dates are those of Foundation"
  )
  func order() throws {
    var random = SeededGenerator(seed: 3)
    // Of 1621: Foundation's dates before 1582 are Julian ones.
    let firstSecond: Int64 = -11_000_000_000
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    let times = (0..<2_000).map { _ in Int64.random(in: firstSecond...200_000_000_000, using: &random) }
    var stored: [(time: Int64, text: String)] = []
    for time in times {
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(time)))
      let numbers = [parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second].map {
        $0 ?? -1
      }
      let text = String(
        format: "%04d-%02d-%02dT%02d:%02d:%02d.000000Z", numbers[0], numbers[1], numbers[2], numbers[3],
        numbers[4],
        numbers[5])
      #expect(TimestampText.stored(text) == text)
      #expect(Timestamp.microseconds(text) == time * 1_000_000)
      stored.append((time, text))
    }
    #expect(stored.sorted { $0.time < $1.time }.map(\.text) == stored.map(\.text).sorted())
  }
}
