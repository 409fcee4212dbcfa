import Synchronization
import Testing

@testable import MoultServer

private final class Counter: Sendable {
  private let state = Mutex((inside: 0, most: 0, done: 0))

  var counts: (inside: Int, most: Int, done: Int) { state.withLock { $0 } }

  func enter() {
    state.withLock {
      $0.inside += 1
      $0.most = max($0.most, $0.inside)
    }
  }

  func leave() {
    state.withLock {
      $0.inside -= 1
      $0.done += 1
    }
  }
}

@Suite("CallGate and ByteBudget")
struct CallGateTests {
  @Test("never more than the limit at once, and everybody gets in")
  func limit() async throws {
    let gate = CallGate(limit: 3)
    let counter = Counter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<200 {
        group.addTask {
          try await gate.run {
            counter.enter()
            await Task.yield()
            counter.leave()
          }
        }
      }
      try await group.waitForAll()
    }
    let counts = counter.counts
    #expect(counts.inside == 0)
    #expect(counts.done == 200)
    #expect(counts.most <= 3)
  }

  @Test("one that was cancelled while it waited gives its place on")
  func cancelled() async throws {
    let gate = CallGate(limit: 1)
    let (opened, open) = AsyncStream.makeStream(of: Void.self)
    let (entered, enter) = AsyncStream.makeStream(of: Void.self)
    let first = Task {
      try await gate.run {
        enter.yield()
        for await _ in opened { break }
      }
    }
    for await _ in entered { break }
    let second = Task { try await gate.run { Issue.record("a cancelled call was carried out") } }
    let third = Task { try await gate.run { 3 } }
    second.cancel()
    open.yield()
    try await first.value
    await #expect(throws: CancellationError.self) { try await second.value }
    #expect(try await third.value == 3)
  }

  /// Who was let in, one after the other.
  private final class Order: Sendable {
    private let list = Mutex<[Int]>([])

    var numbers: [Int] { list.withLock { $0 } }

    func append(_ number: Int) { list.withLock { $0.append(number) } }
  }

  @Test("one that is cancelled while it waits leaves at once; the others go in, in their order")
  func cancelledWaiter() async throws {
    let gate = CallGate(limit: 1)
    let (opened, open) = AsyncStream.makeStream(of: Void.self)
    let (entered, enter) = AsyncStream.makeStream(of: Void.self)
    let first = Task {
      try await gate.run {
        enter.yield()
        for await _ in opened { break }
      }
    }
    for await _ in entered { break }
    let order = Order()
    var waiters: [Task<Void, any Error>] = []
    for number in 0..<3 {
      waiters.append(Task { try await gate.run { order.append(number) } })
      while gate.waitingCount <= number { await Task.yield() }
    }
    let cancelled = waiters[1]
    cancelled.cancel()
    // The first is still inside.
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    #expect(gate.waitingCount == 2)
    open.yield()
    try await first.value
    try await waiters[0].value
    try await waiters[2].value
    #expect(order.numbers == [0, 2])
    let last = try await gate.run { 4 }
    #expect(last == 4)
  }

  @Test("a budget gives no more than it has, and all of it again")
  func budget() {
    let budget = ByteBudget(limit: 10)
    #expect(budget.take(6))
    #expect(!budget.take(5))
    #expect(budget.take(4))
    budget.giveBack(6)
    #expect(budget.take(5))
    budget.giveBack(9)
    #expect(budget.bytesTaken == 0)
  }
}
