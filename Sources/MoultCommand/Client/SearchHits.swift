internal import MoultModel
internal import MoultServer
internal import NIOCore

/// Hits of each query as a server tells them, best first, and who found them.
struct SearchHits: Sendable {
  var hits: [[SearchHit]]
  var servedBy: ServedBy?

  /// Reads the answer to a search. Payloads stay the text they are.
  ///
  /// - Throws: a failure that says what is wrong with the answer.
  init(_ answer: AdminClient.Answer) throws {
    let bytes = Array(answer.body.readableBytesView)
    let json: JSON
    do {
      json = try JSONReader.parse(bytes)
    } catch {
      throw Self.malformed(error.description)
    }
    guard let queries = json["hits"]?.array else { throw Self.malformed("there is no array 'hits'") }
    hits = try queries.map { query in
      guard let hits = query.array else { throw Self.malformed("the hits of a query are no array") }
      return try hits.map { try Self.hit($0, in: bytes) }
    }
    servedBy = answer.servedBy
  }

  var ids: [[PointID]] { hits.map { $0.map(\.id) } }

  private static func hit(_ json: JSON, in bytes: [UInt8]) throws -> SearchHit {
    let id: PointID
    switch json["id"] {
    case .int(let value): id = .int64(value)
    case .string(let text): id = .string(text)
    default: throw malformed("a hit has no id")
    }
    guard let score = json["score"]?.double else { throw malformed("a hit has no score") }
    let payload = json.object?.member("payload").map { String(decoding: bytes[$0.text], as: UTF8.self) }
    return SearchHit(id: id, score: Float(score), payload: payload)
  }

  private static func malformed(_ what: String) -> CommandFailure {
    CommandFailure(
      .failure, "the answer to a search could not be read: \(what)",
      next: "check that --url is a Moult server of this version")
  }
}
