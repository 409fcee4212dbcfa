import MoultCompute
import MoultTesting
import Testing

@Suite("Agreement of two orders")
struct RankAgreementTests {
  @Test("the same order is 1, the other way round −1, and one exchange of neighbours costs two pairs of all")
  func knownValues() {
    #expect(RankAgreement.tau([1, 2, 3, 4], [1, 2, 3, 4]) == 1)
    #expect(RankAgreement.tau([1, 2, 3, 4], [4, 3, 2, 1]) == -1)
    #expect(RankAgreement.tau([1, 2, 3, 4], [1, 3, 2, 4]) == 4.0 / 6)
  }

  @Test("what stands in one list only does not count, and one that both have says nothing")
  func strangers() {
    #expect(RankAgreement.tau([9, 1, 8, 2], [1, 7, 2]) == 1)
    #expect(RankAgreement.tau([9, 1], [1, 7]) == nil)
    #expect(RankAgreement.tau([], []) == nil)
  }

  @Test("it does not matter which is which, and of chance it is 0 on the average")
  func laws() {
    var generator = SeededGenerator(seed: 7)
    let order = Array(Int64(0)..<10)
    var sum = 0.0
    for _ in 0..<2_000 {
      let one = order.shuffled(using: &generator)
      let other = order.shuffled(using: &generator)
      #expect(RankAgreement.tau(one, other) == RankAgreement.tau(other, one))
      sum += RankAgreement.tau(one, other)!
    }
    // Its standard deviation is √(2(2n + 5)/9n(n − 1)) = 0.25 for n = 10.
    #expect(abs(sum / 2_000) < 5 * 0.25 / 2_000.0.squareRoot())
  }
}
