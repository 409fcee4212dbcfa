internal import Foundation
internal import MoultModel
internal import NIOCore

/// `SwitchRequest` on the wire: queries as base64 of little-endian float32 instead of text.
struct WireGate: Encodable, Sendable {
  struct Queries: Encodable, Sendable {
    var dimension: Int
    var base64: String
  }

  var minimumRecall: Double
  var maximumLoss: Double?
  var k: Int
  var queries: Queries?

  init(_ gate: RecallGateRequest) {
    minimumRecall = gate.minimumRecall
    maximumLoss = gate.maximumLoss
    k = gate.k
    if !gate.queries.isEmpty {
      let bytes = Data(QuerySet.encode(gate.queries).readableBytesView)
      queries = Queries(dimension: gate.dimension, base64: bytes.base64EncodedString())
    }
  }
}
