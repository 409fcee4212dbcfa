internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var loadCalls: [RPCMethod] {
    [
      rpc("LoadCollection", .write, ProtoLoadCollectionRequest.self) { request in
        try await load(request.collectionName)
        return ProtoStatus()
      },
      rpc("ReleaseCollection", .write, ProtoReleaseCollectionRequest.self) { request in
        _ = try await operations.setLoaded(request.collectionName, false)
        return ProtoStatus()
      },
      rpc("GetLoadingProgress", .read, ProtoGetLoadingProgressRequest.self) { request in
        let collection = try operations.describe(request.collectionName)
        try operations.requireLoaded(collection, request.collectionName)
        guard try operations.isLoaded(request.partitionNames, of: collection) else {
          throw MilvusError(
            code: MilvusError.Code.partitionNotLoaded,
            message: "partition not loaded[partition=\(request.partitionNames.joined(separator: ","))]")
        }
        return ProtoGetLoadingProgressResponse.with {
          $0.progress = 100
          $0.refreshProgress = 100
        }
      },
      rpc("GetLoadState", .read, ProtoGetLoadStateRequest.self) { request in
        guard try operations.has(request.collectionName) else {
          return ProtoGetLoadStateResponse.with { $0.state = .notExist }
        }
        let collection = try operations.describe(request.collectionName)
        let isLoaded = try operations.isLoaded(request.partitionNames, of: collection)
        return ProtoGetLoadStateResponse.with {
          $0.state = collection.info.ready ? isLoaded ? .loaded : .notLoad : .loading
        }
      },
      rpc("Flush", .write, ProtoFlushRequest.self) { request in
        // Every write is durable when it is answered.
        var response = ProtoFlushResponse.with { $0.dbName = Self.database }
        for name in request.collectionNames {
          let collection = try operations.describe(name)
          try await operations.catchUpIndex(of: collection)
          let timestamp = clock.next()
          response.collSegIds[name] = ProtoLongArray()
          response.flushCollSegIds[name] = ProtoLongArray()
          response.collSealTimes[name] = Int64(timestamp >> 18) / 1000
          response.collFlushTs[name] = timestamp
        }
        return response
      },
      rpc("GetFlushState", .read, ProtoGetFlushStateRequest.self) { _ in
        ProtoGetFlushStateResponse.with { $0.flushed = true }
      },
      rpc("FlushAll", .write, ProtoFlushAllRequest.self) { _ in
        ProtoFlushAllResponse.with { $0.flushAllTs = clock.next() }
      },
      rpc("GetFlushAllState", .read, ProtoGetFlushAllStateRequest.self) { _ in
        ProtoGetFlushAllStateResponse.with { $0.flushed = true }
      },
    ]
  }

  private func load(_ name: String) async throws {
    _ = try await operations.setLoaded(name, true)
    try await operations.catchUpIndex(of: try operations.describe(name))
  }
}
