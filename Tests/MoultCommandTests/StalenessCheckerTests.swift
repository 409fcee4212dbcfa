import MoultModel
import MoultTesting
import Testing

@testable import MoultCommand

@Suite("StalenessChecker")
struct StalenessCheckerTests {
  private let first = ServedBy(collection: "a", generation: 1)
  private let second = ServedBy(collection: "a", generation: 2)
  private let other = ServedBy(collection: "b", generation: 3)

  @Test("without a change, the first is current and all else is stale")
  func unchanged() {
    let checker = StalenessChecker(current: first)
    #expect(checker.end(checker.begin(), servedBy: first) == .current)
    #expect(checker.end(checker.begin(), servedBy: second) == .stale(expected: first))
  }

  @Test("between announcement and acknowledgement both may answer")
  func announced() {
    let checker = StalenessChecker(current: first)
    let early = checker.begin()
    let change = checker.announce(second)
    let during = checker.begin()
    #expect(checker.end(during, servedBy: first) == .current)
    checker.acknowledge(change, as: second)
    #expect(checker.end(early, servedBy: first) == .current, "it began before the acknowledgement")
    #expect(checker.end(during, servedBy: first) == .current, "it began before the acknowledgement")
    #expect(checker.current == second)
  }

  @Test("a planted stale answer after the acknowledgement is caught")
  func staleAfterAcknowledgement() {
    let checker = StalenessChecker(current: first)
    checker.acknowledge(checker.announce(second), as: second)
    #expect(checker.end(checker.begin(), servedBy: first) == .stale(expected: second))
    #expect(checker.end(checker.begin(), servedBy: second) == .current)
  }

  @Test("a planted stale answer is caught once any other answer has shown the change")
  func staleAfterObservation() {
    let checker = StalenessChecker(current: first)
    _ = checker.announce(second)
    #expect(checker.end(checker.begin(), servedBy: second) == .current)
    #expect(checker.end(checker.begin(), servedBy: first) == .stale(expected: second))
  }

  @Test("the change of a job gets its name from the first answer, or from the job")
  func unnamed() {
    let observed = StalenessChecker(current: first)
    let change = observed.announceUnnamed()
    let early = observed.begin()
    #expect(observed.end(observed.begin(), servedBy: second) == .current)
    #expect(observed.end(early, servedBy: first) == .current)
    #expect(observed.end(observed.begin(), servedBy: first) == .stale(expected: second))
    observed.acknowledge(change, as: second)
    #expect(observed.end(observed.begin(), servedBy: second) == .current)

    let acknowledged = StalenessChecker(current: first)
    acknowledged.acknowledge(acknowledged.announceUnnamed(), as: second)
    #expect(acknowledged.end(acknowledged.begin(), servedBy: first) == .stale(expected: second))
  }

  @Test("a generation that nobody announced is not current")
  func unannounced() {
    let checker = StalenessChecker(current: first)
    checker.acknowledge(checker.announceUnnamed(), as: second)
    #expect(checker.end(checker.begin(), servedBy: other) == .stale(expected: second))
  }

  @Test("going back is a change of its own: the old one is right after it and wrong before it")
  func rollback() {
    let checker = StalenessChecker(current: first)
    checker.acknowledge(checker.announce(second), as: second)
    #expect(checker.end(checker.begin(), servedBy: first) == .stale(expected: second))
    let back = checker.announce(first)
    let during = checker.begin()
    #expect(checker.end(during, servedBy: second) == .current)
    #expect(checker.end(during, servedBy: first) == .current)
    checker.acknowledge(back, as: first)
    #expect(checker.end(checker.begin(), servedBy: first) == .current)
    #expect(checker.end(checker.begin(), servedBy: second) == .stale(expected: first))
  }

  @Test("an old answer that came late does not confirm a way back that was only announced")
  func lateAnswerConfirmsNothing() {
    let checker = StalenessChecker(current: first)
    let early = checker.begin()
    checker.acknowledge(checker.announce(second), as: second)
    _ = checker.announce(first)
    #expect(checker.end(early, servedBy: first) == .current)
    #expect(checker.current == second)
    #expect(checker.end(checker.begin(), servedBy: second) == .current)
  }

  @Test(
    "over many swaps every planted stale answer is caught, and no right one is blamed", arguments: [1, 2, 3])
  func manySwaps(seed: UInt64) {
    // The server of this test lags behind its acknowledgements exactly when the generator says so.
    var random = SeededGenerator(seed: seed)
    let places = [first, other]
    let checker = StalenessChecker(current: first)
    var planted = 0
    var caught = 0
    for swap in 1...300 {
      let next = places[swap % 2]
      checker.acknowledge(checker.announce(next), as: next)
      for _ in 0..<3 {
        let lags = random.next() % 7 == 0
        let verdict = checker.end(checker.begin(), servedBy: lags ? places[(swap + 1) % 2] : next)
        if lags { planted += 1 }
        if case .stale = verdict {
          caught += 1
          #expect(lags, "blamed a right answer after swap \(swap), seed \(seed)")
        }
      }
    }
    #expect(planted > 50)
    #expect(caught == planted, "seed \(seed)")
  }
}
