import MoultTesting
import Testing

@Suite("LinearizabilityChecker")
struct LinearizabilityCheckerTests {
  private typealias Operation = LinearizabilityChecker.Operation

  private func check(_ history: [(Operation.Kind, Int, Int)]) -> Bool {
    LinearizabilityChecker.isLinearizable(
      history.map { Operation($0.0, calledAt: $0.1, returnedAt: $0.2) })
  }

  @Test("accepts what one sequence explains")
  func accepts() {
    #expect(check([]))
    #expect(check([(.read(nil), 0, 1), (.write(1), 2, 3), (.read(1), 4, 5)]))
    // A read that overlaps a write may see either.
    #expect(check([(.write(1), 0, 9), (.read(nil), 1, 2), (.read(1), 3, 4)]))
    #expect(check([(.write(1), 0, 9), (.write(2), 1, 8), (.read(2), 2, 3), (.read(1), 4, 5)]))
    #expect(check([(.write(1), 0, 1), (.write(nil), 2, 5), (.read(nil), 3, 4)]))
  }

  @Test("rejects what none explains")
  func rejects() {
    #expect(!check([(.write(1), 0, 1), (.read(nil), 2, 3)]))
    #expect(!check([(.write(1), 0, 1), (.write(2), 2, 3), (.read(1), 4, 5)]))
    // Once the new value was seen, the old one is gone.
    #expect(!check([(.write(1), 0, 9), (.read(1), 1, 2), (.read(nil), 3, 4)]))
    #expect(!check([(.read(7), 0, 1)]))
  }

  @Test("agrees with trying all orders, on random histories of up to seven operations")
  func oracle() {
    var random = SeededGenerator(seed: 4)
    var verdicts = [false: 0, true: 0]
    for round in 0..<3_000 {
      let history = (0..<Int.random(in: 1...7, using: &random)).map { _ -> Operation in
        let start = Int.random(in: 0..<12, using: &random)
        let value = [nil, 1, 2].randomElement(using: &random)!
        return Operation(
          Bool.random(using: &random) ? .write(value) : .read(value), calledAt: start,
          returnedAt: start + Int.random(in: 1...6, using: &random))
      }
      let expected = anyOrder(history, value: nil)
      #expect(LinearizabilityChecker.isLinearizable(history) == expected, "round \(round)")
      verdicts[expected]! += 1
    }
    #expect(verdicts.values.allSatisfy { $0 > 100 })
  }

  /// Tries every order that keeps what returned before what was called later.
  private func anyOrder(_ rest: [Operation], value: Int?) -> Bool {
    if rest.isEmpty { return true }
    return rest.indices.contains { index in
      let operation = rest[index]
      guard rest.allSatisfy({ $0.returnedAt > operation.calledAt }) else { return false }
      var others = rest
      others.remove(at: index)
      switch operation.kind {
      case .write(let new): return anyOrder(others, value: new)
      case .read(let seen): return seen == value && anyOrder(others, value: value)
      }
    }
  }
}
