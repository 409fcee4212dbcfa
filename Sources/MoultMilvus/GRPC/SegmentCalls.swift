internal import MilvusProto
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

/// Where a collection's rows lie: one server, one replica.
extension MilvusAPI {
  private static let node: Int64 = 1
  private static let resourceGroup = "__default_resource_group"

  var segmentCalls: [RPCMethod] {
    [
      rpc("GetQuerySegmentInfo", .read, ProtoGetQuerySegmentInfoRequest.self) { request in
        let collection = try operations.describe(request.collectionName)
        // What is released serves no searches.
        guard collection.definition.isLoaded else { return ProtoGetQuerySegmentInfoResponse() }
        let index = collection.definition.indexes.first {
          $0.field == collection.definition.firstVector?.name
        }
        let segments = try engine.segments(of: collection.info.name)
        return ProtoGetQuerySegmentInfoResponse.with {
          $0.infos = segments.map { segment in
            .with {
              $0.segmentID = segment.id
              $0.collectionID = collection.info.id
              $0.numRows = Int64(segment.rowCount)
              $0.memSize = Int64(segment.vectorBytes)
              $0.indexName = index?.name ?? ""
              $0.nodeID = Self.node
              $0.nodeIds = [Self.node]
              $0.state = segment.isSealed ? .sealed : .growing
              $0.level = .l1
            }
          }
        }
      },
      rpc("GetPersistentSegmentInfo", .read, ProtoGetPersistentSegmentInfoRequest.self) { request in
        let collection = try operations.describe(request.collectionName)
        // Every row is durable when its write is answered.
        let isAskedFor = request.states.isEmpty || request.states.contains(.flushed)
        let segments = isAskedFor ? try engine.segments(of: collection.info.name) : []
        return ProtoGetPersistentSegmentInfoResponse.with {
          $0.infos = segments.map { segment in
            .with {
              $0.segmentID = segment.id
              $0.collectionID = collection.info.id
              $0.numRows = Int64(segment.rowCount)
              $0.state = .flushed
              $0.level = .l1
            }
          }
        }
      },
      rpc("GetReplicas", .read, ProtoGetReplicasRequest.self) { request in
        let name = request.collectionName
        let collection =
          try name.isEmpty ? operations.describe(number: request.collectionID) : operations.describe(name)
        try operations.requirePrivilege(
          for: "DescribeCollection", MilvusNames(collection: collection.info.name))
        guard collection.definition.isLoaded else { return ProtoGetReplicasResponse() }
        let id = collection.info.id
        let shard = ProtoShardReplica.with {
          $0.leaderID = Self.node
          $0.dmChannelName = "moult_\(id)"
          if request.withShardNodes { $0.nodeIds = [Self.node] }
        }
        return ProtoGetReplicasResponse.with {
          $0.replicas = [
            .with {
              $0.replicaID = id
              $0.collectionID = id
              $0.shardReplicas = [shard]
              $0.nodeIds = [Self.node]
              $0.resourceGroupName = Self.resourceGroup
            }
          ]
        }
      },
    ]
  }
}
