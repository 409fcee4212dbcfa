internal import HTTPTypes
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

/// The service `Points`: what reads.
extension QdrantAPI {
  private static let service = "Points"

  var readingCalls: [RPCMethod] {
    [
      rpc(Self.service, "Get", .read, ProtoGetPoints.self) { request in
        let result = try await result(
          of: .post, "collections/{name}/points", in: request.collectionName,
          body: [
            "ids": .array(request.ids.map(\.json)), "with_payload": request.withPayload.json,
            "with_vector": request.withVectors.json,
          ])
        return ProtoGetResponse.with { $0.result = (result.array ?? []).map(ProtoRetrievedPoint.init) }
      },
      rpc(Self.service, "Scroll", .read, ProtoScrollPoints.self) { request in
        let result = try await result(
          of: .post, "collections/{name}/points/scroll", in: request.collectionName, body: request.body)
        return ProtoScrollResponse.with {
          $0.result = (result["points"]?.array ?? []).map(ProtoRetrievedPoint.init)
          if let next = result["next_page_offset"], next != .null { $0.nextPageOffset = ProtoPointId(next) }
        }
      },
      rpc(Self.service, "Count", .read, ProtoCountPoints.self) { request in
        var body: JSONObject = ["exact": .bool(request.hasExact ? request.exact : true)]
        if request.hasFilter { body["filter"] = request.filter.json }
        let result = try await result(
          of: .post, "collections/{name}/points/count", in: request.collectionName, body: body)
        return ProtoCountResponse.with { $0.result.count = UInt64(result["count"]?.int ?? 0) }
      },
      rpc(Self.service, "Facet", .read, ProtoFacetCounts.self) { request in
        var body: JSONObject = ["key": .string(request.key)]
        if request.hasFilter { body["filter"] = request.filter.json }
        if request.hasLimit { body["limit"] = JSON(request.limit) }
        if request.hasExact { body["exact"] = .bool(request.exact) }
        let result = try await result(
          of: .post, "collections/{name}/facet", in: request.collectionName, body: body)
        return ProtoFacetResponse.with { $0.hits = (result["hits"]?.array ?? []).map(ProtoFacetHit.init) }
      },
      rpc(Self.service, "SearchMatrixPairs", .read, ProtoSearchMatrixPoints.self) { request in
        let result = try await result(
          of: .post, "collections/{name}/points/search/matrix/pairs", in: request.collectionName,
          body: request.body)
        return ProtoSearchMatrixPairsResponse.with { $0.result = ProtoSearchMatrixPairs(result) }
      },
      rpc(Self.service, "SearchMatrixOffsets", .read, ProtoSearchMatrixPoints.self) { request in
        let result = try await result(
          of: .post, "collections/{name}/points/search/matrix/offsets", in: request.collectionName,
          body: request.body)
        return ProtoSearchMatrixOffsetsResponse.with { $0.result = ProtoSearchMatrixOffsets(result) }
      },
      rpc(Self.service, "Query", .read, ProtoQueryPoints.self) { request in
        let found = try await query(request.collectionName, request.body)
        return ProtoQueryResponse.with { $0.result = found }
      },
      rpc(Self.service, "QueryBatch", .read, ProtoQueryBatchPoints.self) { request in
        let found = try await queryBatch(request.collectionName, request.queryPoints.map(\.body))
        return ProtoQueryBatchResponse.with { $0.result = found }
      },
      rpc(Self.service, "QueryGroups", .read, ProtoQueryPointGroups.self) { request in
        let found = try await queryGroups(request.collectionName, request.body)
        return ProtoQueryGroupsResponse.with { $0.result = found }
      },
      // The older families, as queries.
      rpc(Self.service, "Search", .read, ProtoSearchPoints.self) { request in
        let found = try await query(request.collectionName, request.body)
        return ProtoSearchResponse.with { $0.result = found }
      },
      rpc(Self.service, "SearchBatch", .read, ProtoSearchBatchPoints.self) { request in
        let found = try await queryBatch(request.collectionName, request.searchPoints.map(\.body))
        return ProtoSearchBatchResponse.with { $0.result = found }
      },
      rpc(Self.service, "SearchGroups", .read, ProtoSearchPointGroups.self) { request in
        let found = try await queryGroups(request.collectionName, request.body)
        return ProtoSearchGroupsResponse.with { $0.result = found }
      },
      rpc(Self.service, "Recommend", .read, ProtoRecommendPoints.self) { request in
        let found = try await query(request.collectionName, request.body)
        return ProtoRecommendResponse.with { $0.result = found }
      },
      rpc(Self.service, "RecommendBatch", .read, ProtoRecommendBatchPoints.self) { request in
        let found = try await queryBatch(request.collectionName, request.recommendPoints.map(\.body))
        return ProtoRecommendBatchResponse.with { $0.result = found }
      },
      rpc(Self.service, "RecommendGroups", .read, ProtoRecommendPointGroups.self) { request in
        let found = try await queryGroups(request.collectionName, request.body)
        return ProtoRecommendGroupsResponse.with { $0.result = found }
      },
      rpc(Self.service, "Discover", .read, ProtoDiscoverPoints.self) { request in
        let found = try await query(request.collectionName, request.body)
        return ProtoDiscoverResponse.with { $0.result = found }
      },
      rpc(Self.service, "DiscoverBatch", .read, ProtoDiscoverBatchPoints.self) { request in
        let found = try await queryBatch(request.collectionName, request.discoverPoints.map(\.body))
        return ProtoDiscoverBatchResponse.with { $0.result = found }
      },
    ]
  }

  private func query(_ collection: String, _ body: JSONObject) async throws -> [ProtoScoredPoint] {
    let result = try await result(
      of: .post, "collections/{name}/points/query", in: collection, body: body)
    return (result["points"]?.array ?? []).map(ProtoScoredPoint.init)
  }

  private func queryBatch(_ collection: String, _ bodies: [JSONObject]) async throws -> [ProtoBatchResult] {
    let result = try await result(
      of: .post, "collections/{name}/points/query/batch", in: collection,
      body: ["searches": .array(bodies.map(JSON.object))])
    return (result.array ?? []).map { one in
      .with { $0.result = (one["points"]?.array ?? []).map(ProtoScoredPoint.init) }
    }
  }

  private func queryGroups(_ collection: String, _ body: JSONObject) async throws -> ProtoGroupsResult {
    ProtoGroupsResult(
      try await result(of: .post, "collections/{name}/points/query/groups", in: collection, body: body))
  }
}
