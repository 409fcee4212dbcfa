import MoultJobs
import Testing

@Suite("Lanes of jobs")
struct JobLaneTests {
  @Test("a lane takes its own kinds, in their order, and waits for no job of another subject")
  func lanes() throws {
    let jobs = try JobsFixture()
    let slow = JobKinds.only(["slow"])
    let others = JobKinds.except(["slow"])
    let ids = try [("slow", "a"), ("quick", "b"), ("slow", "c"), ("quick", "d")].map {
      try jobs.queue.enqueue(kind: $0.0, subject: $0.1)
    }
    #expect(try jobs.queue.claim(owner: "1", kinds: others)?.id == ids[1])
    #expect(try jobs.queue.claim(owner: "2", kinds: slow)?.id == ids[0])
    #expect(try jobs.queue.claim(owner: "2", kinds: slow)?.id == ids[2])
    #expect(try jobs.queue.claim(owner: "2", kinds: slow) == nil)
    #expect(try jobs.queue.claim(owner: "1", kinds: others)?.id == ids[3])
    #expect(try jobs.queue.claim(owner: "1") == nil)
  }

  @Test("jobs of one subject wait for each other across lanes")
  func subjects() throws {
    let jobs = try JobsFixture()
    let ids = try ["slow", "quick"].map { try jobs.queue.enqueue(kind: $0, subject: "s") }
    let slow = try #require(try jobs.queue.claim(owner: "a", kinds: .only(["slow"])))
    #expect(try jobs.queue.claim(owner: "b", kinds: .except(["slow"])) == nil)
    try jobs.queue.complete(slow.lease)
    #expect(try jobs.queue.claim(owner: "b", kinds: .except(["slow"]))?.id == ids[1])
  }
}
