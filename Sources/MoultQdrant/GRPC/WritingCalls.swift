internal import HTTPTypes
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

/// A request that changes points of a collection.
protocol WritesPoints: SwiftProtobuf.Message, Sendable {
  var collectionName: String { get }
  var wait: Bool { get }
}

/// The service `Points`: what writes.
extension QdrantAPI {
  private static let service = "Points"

  var writingCalls: [RPCMethod] {
    [
      write("Upsert", ProtoUpsertPoints.self, .put, "points") { try $0.body },
      write("Delete", ProtoDeletePoints.self, .post, "points/delete") { $0.points.body },
      write("UpdateVectors", ProtoUpdatePointVectors.self, .put, "points/vectors") { request in
        var body: JSONObject = ["points": .array(request.points.map(\.json))]
        if request.hasUpdateFilter { body["update_filter"] = request.updateFilter.json }
        return body
      },
      write("DeleteVectors", ProtoDeletePointVectors.self, .post, "points/vectors/delete") { request in
        var body = request.pointsSelector.body
        body["vector"] = .array(request.vectors.names.map(JSON.string))
        return body
      },
      write("SetPayload", ProtoSetPayloadPoints.self, .post, "points/payload") { $0.body },
      write("OverwritePayload", ProtoSetPayloadPoints.self, .put, "points/payload") { $0.body },
      write("DeletePayload", ProtoDeletePayloadPoints.self, .post, "points/payload/delete") { request in
        var body = request.pointsSelector.body
        body["keys"] = .array(request.keys.map(JSON.string))
        return body
      },
      write("ClearPayload", ProtoClearPayloadPoints.self, .post, "points/payload/clear") { $0.points.body },
      write("CreateFieldIndex", ProtoCreateFieldIndexCollection.self, .put, "index") { try $0.body },
      rpc(Self.service, "DeleteFieldIndex", .write, ProtoDeleteFieldIndexCollection.self) { request in
        try await update(.delete, "index/{field}", request, ["field": request.fieldName])
      },
      rpc(Self.service, "CreateVectorName", .write, ProtoCreateVectorNameRequest.self) { request in
        try await update(.put, "vectors/{vector}", request, ["vector": request.vectorName], try request.body)
      },
      rpc(Self.service, "DeleteVectorName", .write, ProtoDeleteVectorNameRequest.self) { request in
        try await update(.delete, "vectors/{vector}", request, ["vector": request.vectorName])
      },
      rpc(Self.service, "UpdateBatch", .write, ProtoUpdateBatchPoints.self) { request in
        let operations = try request.operations.map { JSON.object(try $0.body) }
        let result = try await result(
          of: .post, "collections/{name}/points/batch", in: request.collectionName, waits: request.wait,
          body: ["operations": .array(operations)])
        return ProtoUpdateBatchResponse.with { $0.result = (result.array ?? []).map(ProtoUpdateResult.init) }
      },
    ]
  }

  private func write<Request: WritesPoints>(
    _ name: String, _ type: Request.Type, _ method: HTTPRequest.Method, _ path: String,
    _ body: @escaping @Sendable (Request) throws -> JSONObject
  ) -> RPCMethod {
    rpc(Self.service, name, .write, type) { request in
      try await update(method, path, request, [:], try body(request))
    }
  }

  private func update(
    _ method: HTTPRequest.Method, _ path: String, _ request: some WritesPoints,
    _ parameters: [String: String],
    _ body: JSONObject? = nil
  ) async throws -> ProtoPointsOperationResponse {
    let result = try await result(
      of: method, "collections/{name}/\(path)", in: request.collectionName, parameters,
      waits: request.wait, body: body)
    return .with { $0.result = ProtoUpdateResult(result) }
  }
}

extension ProtoPointsSelector {
  fileprivate var body: JSONObject {
    var body = JSONObject()
    select(in: &body)
    return body
  }
}

extension ProtoUpdateMode {
  fileprivate var json: JSON {
    switch self {
    case .upsert: .string("upsert")
    case .insertOnly: .string("insert_only")
    case .updateOnly: .string("update_only")
    case .UNRECOGNIZED(let number): .int(Int64(number))
    }
  }
}

extension ProtoUpsertPoints {
  fileprivate var body: JSONObject {
    get throws {
      var body: JSONObject = ["points": .array(points.map(\.json))]
      if hasUpdateFilter { body["update_filter"] = updateFilter.json }
      if hasUpdateMode { body["update_mode"] = updateMode.json }
      return body
    }
  }
}

extension ProtoSetPayloadPoints {
  fileprivate var body: JSONObject {
    var body = pointsSelector.body
    body["payload"] = .object(JSONObject(values: payload))
    if hasKey { body["key"] = .string(key) }
    return body
  }
}

extension ProtoPointsUpdateOperation {
  /// One of REST's operations.
  fileprivate var body: JSONObject {
    get throws {
      switch operation {
      case .upsert(let list):
        var body: JSONObject = ["points": .array(list.points.map(\.json))]
        if list.hasUpdateFilter { body["update_filter"] = list.updateFilter.json }
        if list.hasUpdateMode { body["update_mode"] = list.updateMode.json }
        return ["upsert": .object(body)]
      case .deleteDeprecated(let selector): return ["delete": .object(selector.body)]
      case .deletePoints(let delete): return ["delete": .object(delete.points.body)]
      case .clearPayloadDeprecated_p(let selector): return ["clear_payload": .object(selector.body)]
      case .clearPayload_p(let clear): return ["clear_payload": .object(clear.points.body)]
      case .setPayload(let set):
        var body = set.pointsSelector.body
        body["payload"] = .object(JSONObject(values: set.payload))
        if set.hasKey { body["key"] = .string(set.key) }
        return ["set_payload": .object(body)]
      case .overwritePayload(let set):
        var body = set.pointsSelector.body
        body["payload"] = .object(JSONObject(values: set.payload))
        if set.hasKey { body["key"] = .string(set.key) }
        return ["overwrite_payload": .object(body)]
      case .deletePayload(let delete):
        var body = delete.pointsSelector.body
        body["keys"] = .array(delete.keys.map(JSON.string))
        return ["delete_payload": .object(body)]
      case .updateVectors(let update):
        var body: JSONObject = ["points": .array(update.points.map(\.json))]
        if update.hasUpdateFilter { body["update_filter"] = update.updateFilter.json }
        return ["update_vectors": .object(body)]
      case .deleteVectors(let delete):
        var body = delete.pointsSelector.body
        body["vector"] = .array(delete.vectors.names.map(JSON.string))
        return ["delete_vectors": .object(body)]
      case nil: return [:]
      }
    }
  }
}

extension ProtoUpsertPoints: WritesPoints {}
extension ProtoDeletePoints: WritesPoints {}
extension ProtoUpdatePointVectors: WritesPoints {}
extension ProtoDeletePointVectors: WritesPoints {}
extension ProtoSetPayloadPoints: WritesPoints {}
extension ProtoDeletePayloadPoints: WritesPoints {}
extension ProtoClearPayloadPoints: WritesPoints {}
extension ProtoCreateFieldIndexCollection: WritesPoints {}
extension ProtoDeleteFieldIndexCollection: WritesPoints {}
extension ProtoCreateVectorNameRequest: WritesPoints {}
extension ProtoDeleteVectorNameRequest: WritesPoints {}
