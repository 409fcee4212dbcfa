import Dispatch
import Testing

@testable import MoultEngine

@Suite("Resting copy")
struct RestingCopyTests {
  @Test("a search does not wait for a job that makes the same copy, and the first copy stays")
  func besideJob() async throws {
    let copy = RestingCopy<Int>()
    let (begun, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let pool = ComputePool(name: "test", threadCount: 1, priority: .yielding)
    let searches = ComputePool(name: "test", threadCount: 1)
    let job = Task {
      try await pool.run {
        copy.value {
          begun.signal()
          mayEnd.wait()
          return 1
        }
      }
    }
    // A search that waited would wait for ever: the job goes on only afterwards.
    let found = try await searches.run {
      begun.wait()
      return copy.value { 2 }
    }
    #expect(found == 2)
    mayEnd.signal()
    #expect(try await job.value == 2)
    #expect(copy.value { 3 } == 2)
    pool.close()
    searches.close()
  }

  @Test("it is given back while it rests, and made again once it may be")
  func resting() {
    let copy = RestingCopy<Int>()
    #expect(copy.value { 1 } == 1)
    copy.release()
    #expect(copy.value { 2 } == nil)
    copy.wake()
    #expect(copy.value { 3 } == 3)
    #expect(copy.value { 4 } == 3)
  }
}
