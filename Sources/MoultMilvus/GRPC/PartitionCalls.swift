internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var partitionCalls: [RPCMethod] {
    [
      rpc("CreatePartition", .write, ProtoCreatePartitionRequest.self) { request in
        try await operations.createPartition(request.partitionName, of: request.collectionName)
        return ProtoStatus()
      },
      rpc("DropPartition", .write, ProtoDropPartitionRequest.self) { request in
        try await operations.dropPartition(request.partitionName, of: request.collectionName)
        return ProtoStatus()
      },
      rpc("HasPartition", .read, ProtoHasPartitionRequest.self) { request in
        let names = try operations.describe(request.collectionName).definition.partitionNames
        return ProtoBoolResponse.with { $0.value = names.contains(request.partitionName) }
      },
      rpc("ShowPartitions", .read, ProtoShowPartitionsRequest.self) { request in
        try showPartitions(request)
      },
      rpc("GetPartitionStatistics", .read, ProtoGetPartitionStatisticsRequest.self) { request in
        let count = try await operations.countPoints(
          ofPartition: request.partitionName, of: request.collectionName)
        return ProtoGetPartitionStatisticsResponse.with {
          $0.stats = [ProtoKeyValuePair(.init(key: "row_count", value: String(count)))]
        }
      },
      rpc("LoadPartitions", .write, ProtoLoadPartitionsRequest.self) { request in
        try await operations.setLoaded(partitions: request.partitionNames, of: request.collectionName, true)
        try await operations.catchUpIndex(of: try operations.describe(request.collectionName))
        return ProtoStatus()
      },
      rpc("ReleasePartitions", .write, ProtoReleasePartitionsRequest.self) { request in
        try await operations.setLoaded(partitions: request.partitionNames, of: request.collectionName, false)
        return ProtoStatus()
      },
    ]
  }

  private func showPartitions(_ request: ProtoShowPartitionsRequest) throws -> ProtoShowPartitionsResponse {
    let collection = try operations.describe(request.collectionName)
    let definition = collection.definition
    try operations.checkPartitions(request.partitionNames, of: collection)
    var partitions = [
      CollectionDefinition.Partition(
        name: MilvusOperations.partition, id: collection.info.id << 20, createdAt: collection.info.createdAt)
    ]
    partitions += (definition.partitions ?? []).filter { !$0.isDropping }
    if !request.partitionNames.isEmpty {
      partitions = partitions.filter { request.partitionNames.contains($0.name) }
    }
    let isLoaded = partitions.map { partition in
      definition.isLoaded && !definition.releasedPartitions.contains(partition.name)
    }
    return .with {
      $0.partitionNames = partitions.map(\.name)
      $0.partitionIds = partitions.map(\.id)
      $0.createdTimestamps = partitions.map {
        HybridClock.timestamp(milliseconds: $0.createdAt, counter: UInt64(truncatingIfNeeded: $0.id))
      }
      $0.createdUtcTimestamps = partitions.map { UInt64(max(0, $0.createdAt)) }
      $0.inMemoryPercentages = isLoaded.map { $0 ? 100 : 0 }
    }
  }
}
