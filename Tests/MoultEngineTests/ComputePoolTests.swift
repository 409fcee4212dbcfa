import Glibc
import Testing

@testable import MoultEngine

@Suite("Compute pool")
struct ComputePoolTests {
  @Test("threads of jobs give way to all others, threads of searches do not")
  func priorities() async throws {
    // SCHED_OTHER and SCHED_IDLE of linux/sched.h.
    for (priority, policy) in [(ComputePool.Priority.normal, Int32(0)), (.yielding, 5)] {
      let pool = ComputePool(name: "test", threadCount: 1, priority: priority)
      #expect(try await pool.run { sched_getscheduler(0) } == policy)
      pool.close()
    }
  }
}
