import Foundation
import Testing

@testable import MoultCommand

@Suite("Terminal", .serialized)
struct TerminalTests {
  @Test("a table aligns its columns and has no trailing spaces")
  func table() {
    var table = TextTable([("NAME", .left), ("ROWS", .right), ("NOTE", .left)])
    table.append(["words", "10", ""])
    table.append(["größe", "1,000", "×4 → 2"])
    #expect(
      table.rendered() == """
        NAME    ROWS  NOTE
        -----  -----  ------
        words     10
        größe  1,000  ×4 → 2
        """)
  }

  @Test("an empty table still has its headings")
  func emptyTable() {
    #expect(TextTable([("A", .left)]).rendered() == "A\n-")
  }

  @Test(
    "counts are grouped", arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
  func grouped(value: Int, text: String) {
    #expect(Figure.grouped(value) == text)
  }

  @Test(
    "durations and sizes have the unit that fits",
    arguments: [
      (Figure.seconds(0.0425), "0.043 s"), (Figure.seconds(12.34), "12.3 s"),
      (Figure.seconds(185), "3 min 05 s"),
      (Figure.bytes(999), "999 B"), (Figure.bytes(1536), "1.5 kB"), (Figure.bytes(2.5e12), "2.5 TB"),
      (Figure.moment(0), "1970-01-01T00:00:00Z"), (Figure.milliseconds(0.0015), "1.50"),
    ])
  func units(text: String, expected: String) {
    #expect(text == expected)
  }

  @Test("progress tells phase, share, counts, rate and time left")
  func progress() {
    let line = ProgressBar.text(
      phase: "encode", done: 2500, total: 10_000, rowsPerSecond: 5000, etaSeconds: 1.5, bar: false)
    #expect(line == "encode  25 %  2,500/10,000  5,000/s  about 1.500 s left")
    let bar = ProgressBar.text(
      phase: "encode", done: 5000, total: 10_000, rowsPerSecond: nil, etaSeconds: nil, bar: true)
    #expect(bar == "encode  [############............]  50 %  5,000/10,000")
    let unknown = ProgressBar.text(
      phase: "train", done: 0, total: 0, rowsPerSecond: nil, etaSeconds: nil, bar: true)
    #expect(unknown == "train")
  }

  @Test("Ctrl-C ends the waiting, not the process")
  func interrupt() async throws {
    let sender = Task {
      // Not before the race has replaced the signal's default, which is to end the process.
      while !Interrupt.isRacing { try await Task.sleep(for: .milliseconds(1)) }
      kill(getpid(), SIGINT)
    }
    let value: Int? = try await Interrupt.race {
      try await Task.sleep(for: .seconds(60))
      return 1
    }
    try await sender.value
    #expect(value == nil)
  }

  @Test("without Ctrl-C the value comes through")
  func noInterrupt() async throws {
    #expect(try await Interrupt.race { 7 } == 7)
  }
}
