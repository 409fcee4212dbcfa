import MilvusProto
import MoultServer
import MoultServerTesting
import MoultTesting
import SwiftProtobuf
import Testing

@Suite("Milvus: swaps under load")
struct AliasSwapTests {
  private static let service = "/milvus.proto.milvus.MilvusService/"

  private static func judge(_ protocolName: String, _ swaps: Int, _ outcome: SwapLoad.Outcome) {
    #expect(outcome.reads > swaps && outcome.failed == 0 && outcome.stale == 0 && outcome.mixed == 0)
    let stall = SwapLoad.Outcome.percentile(0.99, of: outcome.stalls)
    #expect(outcome.swaps.count == swaps && stall < (Scale.judgesTimes ? 0.02 : 200))
    func milliseconds(_ seconds: Double) -> Double { (seconds * 1e4).rounded() / 10 }
    Figures.note(
      "R3", "protocol", protocolName, "swaps", swaps, "reads", outcome.reads, "failed", outcome.failed,
      "stale",
      outcome.stale, "mixed", outcome.mixed, "read p99 ms",
      milliseconds(SwapLoad.Outcome.percentile(0.99, of: outcome.times.map(\.seconds))), "stall p99 ms",
      milliseconds(stall))
  }

  @Test("R3: no search through an alias fails, mixes collections or is answered by one that was left before")
  func rest() async throws {
    let swaps = Scale.count(200, soak: 5_000)
    Self.judge("REST", swaps, try await swapOverREST(swaps))
  }

  @Test("R3: the same over gRPC")
  func rpc() async throws {
    let swaps = Scale.count(200, soak: 5_000)
    let outcome = try await withMilvus { server in
      let mover = try RPCClient(port: server.port)
      return try await SwapLoad.run(swaps, on: server) { collection in
        let request = ProtoAlterAliasRequest.with {
          $0.alias = SwapLoad.alias
          $0.collectionName = collection
        }
        let answer = try await mover.call(Self.service + "AlterAlias", try request.serializedBytes())
        #expect(try ProtoStatus(serializedBytes: answer).code == 0)
      } reader: {
        let client = try RPCClient(port: server.port)
        let search = try MilvusOverloadTests.search(SwapLoad.alias, query: [0, 0])
        return { Self.sighting(try await client.call(Self.service + "Search", search)) }
      }
    }
    Self.judge("gRPC", swaps, outcome)
  }

  private static func sighting(_ message: [UInt8]) -> SwapSighting? {
    guard let answer = try? ProtoSearchResults(serializedBytes: message), answer.status.code == 0,
      let score = answer.results.scores.first
    else { return nil }
    let serial = Int(score.squareRoot().rounded())
    return SwapSighting(
      serial: serial,
      isWhole: answer.results.primaryFieldName == SwapLoad.key(serial) && answer.results.ids.intID.data == [1]
    )
  }

  @Test("control: answers kept for a moment in front of the server are found stale", .tags(.control))
  func control() async throws {
    #expect(try await swapOverREST(20, cached: true).stale > 0)
  }

  /// The broken twin: a proxy that gives the same answer to five questions.
  private actor Cache {
    private var kept: (answer: ServerHarness.Answer, left: Int)?
    func answer(_ ask: () async throws -> ServerHarness.Answer) async throws -> ServerHarness.Answer {
      if let known = kept, known.left > 0 {
        kept = (known.answer, known.left - 1)
        // As long as a swap takes, so that readers do not run through it all at once.
        try await Task.sleep(for: .milliseconds(2))
        return known.answer
      }
      let fresh = try await ask()
      kept = (fresh, 50)
      return fresh
    }
  }

  private func swapOverREST(_ swaps: Int, cached: Bool = false) async throws -> SwapLoad.Outcome {
    try await withMilvus { server in
      let cache = cached ? Cache() : nil
      return try await SwapLoad.run(swaps, on: server) { collection in
        try await server.success(
          "aliases/alter", #"{"collectionName":"\#(collection)","aliasName":"\#(SwapLoad.alias)"}"#)
      } reader: {
        @Sendable func ask() async throws -> ServerHarness.Answer {
          try await server.milvus(
            "entities/search", #"{"collectionName":"\#(SwapLoad.alias)","data":[[0,0]],"limit":1}"#)
        }
        return {
          let answer: ServerHarness.Answer
          if let cache { answer = try await cache.answer(ask) } else { answer = try await ask() }
          return Self.sighting(answer)
        }
      }
    }
  }

  private static func sighting(_ answer: ServerHarness.Answer) -> SwapSighting? {
    guard let hit = try? answer.json["data"]?.array?.first,
      let collection = answer.header("moult-collection"),
      let distance = hit["distance"]?.double
    else { return nil }
    let serial = Int(distance.squareRoot().rounded())
    return SwapSighting(
      serial: serial,
      isWhole: collection == SwapLoad.name(serial) && hit[SwapLoad.key(serial)] == .int(1))
  }
}
