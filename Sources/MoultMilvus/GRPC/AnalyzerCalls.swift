internal import Foundation
internal import MilvusProto
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var analyzerCalls: [RPCMethod] {
    [
      rpc("RunAnalyzer", .read, ProtoRunAnalyzerRequest.self) { request in
        let texts = try request.placeholder.map { bytes in
          guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MilvusError.invalidParameter("run_analyzer: a text is no UTF-8")
          }
          return text
        }
        let found = try await operations.analyze(
          texts, parameters: request.analyzerParams, collection: request.collectionName,
          field: request.fieldName, names: request.analyzerNames)
        return ProtoRunAnalyzerResponse.with {
          $0.results = found.map { tokens in
            .with { $0.tokens = tokens.map { ProtoAnalyzerToken($0, asFor: request) } }
          }
        }
      }
    ]
  }
}

extension ProtoAnalyzerToken {
  fileprivate init(_ token: TextToken, asFor request: ProtoRunAnalyzerRequest) {
    self.init()
    self.token = token.text
    if request.withDetail {
      startOffset = Int64(token.bytes.lowerBound)
      endOffset = Int64(token.bytes.upperBound)
      position = Int64(token.position)
      positionLength = 1
    }
    if request.withHash { hash = token.dimension }
  }
}
