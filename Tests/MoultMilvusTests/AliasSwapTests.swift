import MoultServer
import MoultServerTesting
import Synchronization
import Testing

@Suite("Milvus REST: swaps under load")
struct AliasSwapTests {
  private final class Progress: Sendable {
    /// The generation that was live when the last swap had been answered.
    let generation = Mutex<Int64>(0)
    let isDone = Atomic<Bool>(false)
  }

  /// Two collections whose keys have different names, so that an answer mixed of both shows. The one the alias
  /// has left is dropped and made anew each time.
  @Test("no search through an alias fails, mixes collections or is answered by one that was left before")
  func swaps() async throws {
    try await withMilvus { server in
      func make(_ name: String, key: String) async throws {
        try await server.makeCollection(name, #","primaryFieldName":"\#(key)""#)
        try await server.success(
          "entities/insert", #"{"collectionName":"\#(name)","data":[{"\#(key)":1,"vector":[1,2]}]}"#)
      }
      try await make("odd", key: "odd_key")
      try await make("even", key: "even_key")
      try await server.success("aliases/create", #"{"collectionName":"even","aliasName":"current"}"#)
      let progress = Progress()

      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<3 {
          group.addTask {
            var count = 0
            while !progress.isDone.load(ordering: .relaxed) {
              let oldest = progress.generation.withLock { $0 }
              let answer = try await server.milvus(
                "entities/search", #"{"collectionName":"current","data":[[1,2]],"limit":1}"#)
              let collection = try #require(answer.header("moult-collection"), "\(answer.text)")
              let generation = try #require(answer.header("moult-generation").flatMap { Int64($0) })
              #expect(
                generation >= oldest, "answered by \(generation), which was left before the request began")
              #expect(
                try answer.json["data"]?.array?.first?["\(collection)_key"] == .int(1), "\(answer.text)")
              count += 1
            }
            return count
          }
        }
        for swap in 1...25 {
          let (next, last) = swap % 2 == 1 ? ("odd", "even") : ("even", "odd")
          try await server.success("aliases/alter", #"{"collectionName":"\#(next)","aliasName":"current"}"#)
          let live = try await server.milvus("collections/get_stats", #"{"collectionName":"current"}"#)
          progress.generation.withLock { $0 = live.header("moult-generation").flatMap { Int64($0) } ?? 0 }
          try await server.success("collections/drop", #"{"collectionName":"\#(last)"}"#)
          try await make(last, key: "\(last)_key")
        }
        progress.isDone.store(true, ordering: .relaxed)
        for try await count in group { #expect(count > 0) }
      }
    }
  }
}
