import Dispatch
import MoultModel
import MoultServerTesting
import Synchronization
import Testing

@testable import MoultEngine
@testable import MoultServer

@Suite("Deadlines")
struct DeadlineTests {
  private static func serve(
    secondsMax: Double = 100, _ body: @Sendable @escaping (ServerHarness, WaitingAPI) async throws -> Void
  ) async throws {
    let api = WaitingAPI()
    try await ServerHarness.with(
      configure: { $0.requestSecondsMax = secondsMax }, protocols: { _ in [api] }, { try await body($0, api) }
    )
  }

  /// Keeps threads busy.
  private final class Blocker: Sendable {
    let semaphore = DispatchSemaphore(value: 0)
    let count = Atomic(0)

    func block() {
      count.add(1, ordering: .relaxed)
      semaphore.wait()
    }
  }

  private static let short = [("Request-Timeout", "0.05")]

  @Test("what reads is given up when its time has run out, the client's or the server's")
  func reading() async throws {
    try await Self.serve { server, _ in
      let answer = try await server.post("/test/read", "{}", headers: Self.short)
      #expect(answer.status == 504)
      #expect(answer.text == "deadlineExceeded")
    }
    // Each on a server of its own: who is cancelled while it waits ends the waiting of all.
    for headers in [[], [("Request-Timeout", "1000")]] {
      try await Self.serve(secondsMax: 0.05) { server, _ in
        let answer = try await server.post("/test/read", "{}", headers: headers)
        #expect(answer.status == 504)
      }
    }
    try await Self.serve(secondsMax: 0.05) { server, _ in
      let answers = try await RawConnection(port: server.port).answers([
        Frame.opening + Frame.call("/test.Waiting/Read", headers: [("grpc-timeout", "9H")])
      ])
      #expect(answers.status() == "4")
    }
  }

  @Test("a change that has begun is carried through and answered as it came out, however late")
  func writing() async throws {
    // Long enough to begin in, on a busy machine too; then it passes.
    try await Self.serve(secondsMax: 8) { server, api in
      let rest = Task { try await server.post("/test/write", "four") }
      var begun = api.begun.stream.makeAsyncIterator()
      await begun.next()
      try await Task.sleep(for: .seconds(8.2))
      api.go.continuation.yield()
      let answer = try await rest.value
      #expect(answer.status == 200)
      #expect(answer.text == "written 4")

      let rpc = Task {
        try await RawConnection(port: server.port).answers([
          Frame.opening + Frame.call("/test.Waiting/Write", [7], headers: [("grpc-timeout", "8S")])
        ])
      }
      await begun.next()
      try await Task.sleep(for: .seconds(8.2))
      api.go.continuation.yield()
      let answers = try await rpc.value
      #expect(answers.status() == "0")
      #expect(answers.data[1] == Frame.message([7]))
    }
  }

  @Test("what begins only after its time is refused")
  func late() async throws {
    try await Self.serve { server, api in
      let late = Task { try await server.post("/test/late", "", headers: [("Request-Timeout", "8")]) }
      var begun = api.begun.stream.makeAsyncIterator()
      await begun.next()
      try await Task.sleep(for: .seconds(8.2))
      api.go.continuation.yield()
      #expect(try await late.value.text == "deadlineExceeded")
    }
  }

  @Test("a search that waits for a thread is given up in time; a write that waited too long is not done")
  func engine() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      let collection = try #require(server.engine.aliases.current.collections["line"])
      let (opened, open) = AsyncStream.makeStream(of: Void.self)
      let (held, hold) = AsyncStream.makeStream(of: Void.self)
      let holder = Task {
        await collection.writers.run {
          hold.yield()
          for await _ in opened { break }
        }
      }
      for await _ in held { break }
      let path = "/moult/v1/collections/line"
      let write = Task {
        try await server.post(
          path + "/points", #"{"points":[{"id":9,"vector":[9,9]}]}"#, headers: Self.short)
      }
      // Its deadline begins when the server has seen it.
      try await Task.sleep(for: .seconds(5))
      open.yield()
      let refused = try await write.value
      await holder.value
      #expect(refused.status == 504)
      #expect(refused.errorMessage.contains("nothing was changed"))
      #expect(try await server.get(path).json["count"] == .int(4))

      let pool = server.engine.resources.searching
      let blocker = Blocker()
      let blocked = (0..<pool.threadCount).map { _ in Task { try await pool.run { blocker.block() } } }
      while blocker.count.load(ordering: .relaxed) < pool.threadCount { await Task.yield() }
      let search = try await server.post(path + "/search", #"{"queries":[[1,1]]}"#, headers: Self.short)
      #expect(search.status == 504)
      #expect(search.errorCode == "deadlineExceeded")
      for _ in blocked { blocker.semaphore.signal() }
      for task in blocked { try await task.value }
      #expect(try await server.post(path + "/search", #"{"queries":[[1,1]]}"#).status == 200)
    }
  }

  @Test("a time that is none is refused", arguments: ["soon", "0", "-1", "nan"])
  func malformed(text: String) async throws {
    try await ServerHarness.with { server in
      let answer = try await server.get("/moult/v1/collections", headers: [("Request-Timeout", text)])
      #expect(answer.status == 400)
      #expect(answer.errorMessage.contains("Request-Timeout"))
    }
  }
}
