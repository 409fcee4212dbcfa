import Dispatch
import MoultModel
import Synchronization
import Testing

@testable import MoultEngine

@Suite("Search admission")
struct SearchAdmissionTests {
  @Test("as many as are worked on and may wait get in, and no more; each that leaves makes room")
  func limit() throws {
    let admission = SearchAdmission(atOnce: 2, queuedMax: 3)
    for _ in 0..<5 { try admission.enter() }
    for _ in 0..<10 {
      #expect(throws: MoultError.self) { try admission.enter() }
    }
    #expect(admission.underWayCount == 5)
    #expect(admission.refusedCount == 10)
    admission.leave()
    try admission.enter()
    #expect(throws: MoultError.self) { try admission.enter() }
  }

  @Test("who is cancelled stops waiting while the thread is still busy; what had not begun is never done")
  func cancelled() async throws {
    let pool = ComputePool(name: "test", threadCount: 1)
    let busy = DispatchSemaphore(value: 0)
    let ended = Atomic(0)
    let count: @Sendable () -> Void = { ended.add(1, ordering: .relaxed) }
    let first = Task { try await pool.runUntilCancelled(ended: count) { busy.wait() } }
    while !pool.isBusy { await Task.yield() }
    let second = Task { try await pool.runUntilCancelled(ended: count) { Issue.record("it was done") } }
    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.value }
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    #expect(ended.load(ordering: .relaxed) == 0, "the thread still holds its place")
    busy.signal()
    #expect(try await pool.runUntilCancelled(ended: count) { 3 } == 3)
    #expect(ended.load(ordering: .relaxed) == 3)
    pool.close()
  }

  @Test("a search, a query and a count beyond the limit are refused, and answered when there is room")
  func engine() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "c", schema: CollectionSchema(dimension: 2), specification: .init())
    _ = try await harness.engine.write(
      PointBatch(ids: [.int64(1)], vectors: [1, 2], dimension: 2), to: "c", mode: .insert)
    let admission = harness.engine.resources.admission
    var entered = 0
    while (try? admission.enter()) != nil { entered += 1 }
    let engine = harness.engine
    let request = SearchRequest(queries: [1, 2], dimension: 2, limit: 1)
    for ask in [
      { _ = try await engine.search(request, in: "c") },
      { _ = try await engine.query("c", filter: nil, limit: 1, includeVectors: true, includePayload: true) },
      { _ = try await engine.count("c", filter: .ids([.int64(1)])) },
    ] as [@Sendable () async throws -> Void] {
      let error = await #expect(throws: MoultError.self) { try await ask() }
      #expect(error?.code == .overloaded)
      admission.leave()
      try await ask()
      try admission.enter()
    }
    for _ in 0..<entered { admission.leave() }
    #expect(admission.underWayCount == 0)
    try await harness.shutDown()
  }
}
