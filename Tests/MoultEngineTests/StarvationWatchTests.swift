import Foundation
import Glibc
import Testing

@testable import MoultEngine

@Suite("Starved threads of jobs")
struct StarvationWatchTests {
  @Test("threads that wait and get next to nothing for half a second are starved, others are not")
  func judge() {
    /// What ten looks, a tenth of a second apart, find when threads got `share` of a processor.
    func verdicts(share: Double, isRunnable: (Int) -> Bool = { _ in true }) -> [Bool] {
      var judge = ShareJudge()
      return (0..<10).map { look in
        let now = Double(look) * 0.11
        return judge.finds(starvedAt: now, processorSeconds: now * share, isAnyRunnable: isRunnable(look))
      }
    }
    // The first look only begins; half a second later is the sixth.
    #expect(verdicts(share: 0.01).firstIndex(of: true) == 5)
    #expect(!verdicts(share: 0.06).contains(true))
    #expect(!verdicts(share: 1).contains(true))
    // Who sleeps, rests or reads from the disk does not wait for a processor.
    #expect(!verdicts(share: 0, isRunnable: { _ in false }).contains(true))
    #expect(!verdicts(share: 0, isRunnable: { $0 % 4 != 3 }).contains(true))
  }

  @Test("the kernel's account of a thread is read, also with a name that looks like one")
  func threadTime() throws {
    func read(_ text: String) -> ThreadTime? { ThreadTime(text: Array(text.utf8)[...]) }
    let fields = " 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15"
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    let running = try #require(read("77 (jobs-0) R" + fields))
    #expect(running.isRunnable && running.processorSeconds == 300 / ticks)
    let sleeping = try #require(read("77 (a) R 9 (b) S" + fields))
    #expect(!sleeping.isRunnable && sleeping.processorSeconds == 300 / ticks)
    for damaged in ["", "77", "77 (jobs-0)", "77 (jobs-0) R 1 2", "77 (a) R 1 2 3 4 5 6 7 8 9 10 x y 1"] {
      #expect(read(damaged) == nil)
    }
    let own = try #require(ThreadTime("/proc/thread-self/stat"))
    #expect(own.isRunnable)
    #expect(ThreadTime("/proc/0/stat") == nil)
  }
}
