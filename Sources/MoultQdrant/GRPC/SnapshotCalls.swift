internal import Foundation
internal import HTTPTypes
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

/// The service `Snapshots`.
extension QdrantAPI {
  private static let service = "Snapshots"
  private static let ofCollection = "collections/{name}/snapshots"

  var snapshotCalls: [RPCMethod] {
    [
      rpc(Self.service, "Create", .write, ProtoCreateSnapshotRequest.self) { request in
        try await created(Self.ofCollection, in: request.collectionName)
      },
      rpc(Self.service, "List", .read, ProtoListSnapshotsRequest.self) { request in
        try await listed(Self.ofCollection, in: request.collectionName)
      },
      rpc(Self.service, "Delete", .write, ProtoDeleteSnapshotRequest.self) { request in
        try await deleted(Self.ofCollection, request.snapshotName, in: request.collectionName)
      },
      rpc(Self.service, "CreateFull", .write, ProtoCreateFullSnapshotRequest.self) { _ in
        try await created("snapshots")
      },
      rpc(Self.service, "ListFull", .read, ProtoListFullSnapshotsRequest.self) { _ in
        try await listed("snapshots")
      },
      rpc(Self.service, "DeleteFull", .write, ProtoDeleteFullSnapshotRequest.self) { request in
        try await deleted("snapshots", request.snapshotName)
      },
    ]
  }

  private func created(_ path: String, in collection: String = "") async throws -> ProtoCreateSnapshotResponse
  {
    let result = try await result(of: .post, path, in: collection)
    return .with { $0.snapshotDescription = ProtoSnapshotDescription(result) }
  }

  private func listed(_ path: String, in collection: String = "") async throws -> ProtoListSnapshotsResponse {
    let result = try await result(of: .get, path, in: collection)
    return .with { $0.snapshotDescriptions = (result.array ?? []).map(ProtoSnapshotDescription.init) }
  }

  private func deleted(
    _ path: String, _ snapshot: String, in collection: String = ""
  ) async throws -> ProtoDeleteSnapshotResponse {
    _ = try await result(of: .delete, path + "/{snapshot}", in: collection, ["snapshot": snapshot])
    return ProtoDeleteSnapshotResponse()
  }
}

extension ProtoSnapshotDescription {
  fileprivate init(_ json: JSON) {
    self.init()
    name = json["name"]?.string ?? ""
    size = json["size"]?.int ?? 0
    if let text = json["checksum"]?.string { checksum = text }
    if let text = json["creation_time"]?.string, let date = try? Date(text + "Z", strategy: .iso8601) {
      creationTime = Google_Protobuf_Timestamp(date: date)
    }
  }
}
