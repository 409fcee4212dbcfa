import MilvusProto
import MoultServer
import MoultServerTesting
import SwiftProtobuf
import Testing

@testable import MoultEngine
@testable import MoultMilvus

@Suite("Milvus: overload and deadlines")
struct MilvusOverloadTests {
  /// A search for one query.
  static func search(_ collection: String, query: [Float] = [1, 2]) throws -> [UInt8] {
    let group = ProtoPlaceholderGroup.with {
      $0.placeholders = [
        .with {
          $0.tag = "$0"
          $0.type = .floatVector
          $0.values = [query.withUnsafeBytes { .init($0) }]
        }
      ]
    }
    let request = try ProtoSearchRequest.with {
      $0.collectionName = collection
      $0.placeholderGroup = try group.serializedBytes()
      $0.nq = 1
      $0.searchParams = [("anns_field", "vector"), ("topk", "1"), ("params", "{}")].map { pair in
        .with {
          $0.key = pair.0
          $0.value = pair.1
        }
      }
    }
    return try request.serializedBytes()
  }

  @Test("too many searches: code 8, which clients repeat, over gRPC; 429 with it over REST")
  func overload() async throws {
    try await withMilvus(queuedSearchesMax: 0) { server in
      try await server.makeLine()
      let admission = server.engine.resources.admission
      var entered = 0
      while (try? admission.enter()) != nil { entered += 1 }
      let path = "/v2/vectordb/entities/search"
      let body = #"{"collectionName":"line","data":[[1,2]],"limit":1}"#
      let rest = try await server.post(path, body)
      #expect(rest.status == 429)
      #expect(rest.header("retry-after") == "1")
      #expect(try rest.json["code"] == .int(8))

      let call = Frame.call("/milvus.proto.milvus.MilvusService/Search", try Self.search("line"))
      func answer() async throws -> ProtoSearchResults {
        let answers = try await RawConnection(port: server.port).answers([Frame.opening + call])
        #expect(answers.status() == "0")
        return try ProtoSearchResults(serializedBytes: Array((answers.data[1] ?? []).dropFirst(5)))
      }
      let refused = try await answer()
      #expect(refused.status.code == 8 && refused.status.retriable)
      for _ in 0..<entered { admission.leave() }
      #expect(try await server.post(path, body).status == 200)
      let served = try await answer()
      #expect(served.status.code == 0 && served.results.ids.intID.data == [2])
    }
  }

  @Test("a chunked body is refused as soon as it is too long, on every route")
  func chunked() async throws {
    try await withMilvus(bodyBytesMax: 1000) { server in
      for action in ["entities/insert", "entities/search", "collections/create", "aliases/alter"] {
        let request =
          "POST /v2/vectordb/\(action) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n"
          + String(repeating: " ", count: 0x400) + "\r\n"
        let bytes = try await RawConnection(port: server.port).exchange([Array(request.utf8)]) {
          String(decoding: $0, as: UTF8.self).contains("}")
        }
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 413") && text.contains("1102"), "\(action): \(text)")
      }
    }
  }

  @Test("a time that has run out is HTTP 408, as Milvus says it")
  func deadline() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let answer = try await server.post(
        "/v2/vectordb/entities/search", #"{"collectionName":"line","data":[[1,2]],"limit":1}"#,
        headers: [("Request-Timeout", "0.000000001")])
      #expect(answer.status == 408)
    }
  }
}
