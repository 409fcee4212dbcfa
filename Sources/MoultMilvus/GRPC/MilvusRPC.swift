internal import MilvusProto
internal import MoultModel
package import MoultServer
internal import NIOCore
internal import SwiftProtobuf

/// An answer of Milvus' service: it says itself whether the call succeeded.
protocol StatusMessage: SwiftProtobuf.Message {
  var status: ProtoStatus { get set }
}

/// Requests that name a database, a collection, an alias.
protocol NamesDatabase { var dbName: String { get } }
protocol NamesCollection { var collectionName: String { get } }
protocol NamesCollections { var collectionNames: [String] { get } }
protocol NamesAlias { var alias: String { get } }

extension MilvusAPI {
  /// The methods of Milvus' service that are carried out; calls of others are answered with UNIMPLEMENTED.
  package var rpcMethods: [RPCMethod] {
    connectionCalls + collectionCalls + loadCalls + indexCalls + upkeepCalls + aliasCalls + entityCalls
      + databaseCalls + accessCalls + partitionCalls + importCalls + analyzerCalls + segmentCalls
  }

  /// One method: reads the request, checks its database, translates failures.
  ///
  /// - Parameter isInDatabase: as for REST.
  func rpc<Request: SwiftProtobuf.Message, Answer: StatusMessage>(
    _ name: String, _ access: Access, _ request: Request.Type, isInDatabase: Bool = true,
    _ answer: @escaping @Sendable (Request) async throws -> Answer
  ) -> RPCMethod {
    RPCMethod(path: "/milvus.proto.milvus.MilvusService/\(name)", access, checksUsers: true) { error in
      // Clients repeat by the status in the message, and not by what gRPC's own says.
      guard error.code == .overloaded else { return nil }
      var response = Answer()
      response.status = ProtoStatus(error.milvusError(MilvusNames()))
      let bytes: [UInt8] = try response.serializedBytes()
      return ByteBuffer(bytes: bytes)
    } answer: { message, call in
      var response: Answer
      do {
        let request = try Self.read(Request.self, message)
        var names = MilvusNames()
        names.collection = (request as? any NamesCollection)?.collectionName ?? ""
        names.alias = (request as? any NamesAlias)?.alias ?? ""
        names.others = (request as? any NamesCollections)?.collectionNames ?? []
        var database = (request as? any NamesDatabase)?.dbName ?? ""
        if database.isEmpty { database = call.metadata("dbname") ?? "" }
        response = try await operations.inDatabase(isInDatabase ? database : nil) { [names, database] in
          try await operations.run(names) {
            try operations.requirePrivilege(for: name, names, database: isInDatabase ? "" : database)
            return try await answer(request)
          }
        }
      } catch let error as MilvusError where error.isDenial {
        // Clients do not repeat it.
        throw RPCError(.permissionDenied, error.message)
      } catch let error as MilvusError {
        response = Answer()
        response.status = ProtoStatus(error)
      }
      let bytes: [UInt8] = try response.serializedBytes()
      return ByteBuffer(bytes: bytes)
    }
  }

  private static func read<Request: SwiftProtobuf.Message>(_ type: Request.Type, _ message: ByteBuffer) throws
    -> Request
  {
    do {
      return try message.withUnsafeReadableBytes { try Request(serializedBytes: $0.bytes) }
    } catch {
      throw RPCError(.internalError, "the message is no \(Request.protoMessageName): \(error)")
    }
  }
}

extension ProtoStatus {
  /// A failure with Milvus' code, and the older one that some clients still read.
  init(_ error: MilvusError) {
    self.init()
    code = Int32(error.code)
    reason = error.message
    detail = error.message
    errorCode = Self.legacy(error.code)
    retriable = error.code == MilvusError.Code.rateLimited
    let isInput =
      (1100...1199).contains(error.code) || (1600...1799).contains(error.code) || error.code == 100
    if isInput { extraInfo["is_input_error"] = "true" }
  }

  private static func legacy(_ code: Int) -> ProtoErrorCode {
    switch code {
    case MilvusError.Code.collectionNotFound: .collectionNotExists
    case 1100...1102: .illegalArgument
    case MilvusError.Code.schemaMismatch: .schemaMismatch
    case MilvusError.Code.indexNotFound: .indexNotExist
    case MilvusError.Code.rateLimited: .rateLimit
    case MilvusError.Code.quotaExceeded: .forceDeny
    case 3: .diskQuotaExhausted
    case MilvusError.Code.partitionNotFound: .metaFailed
    default: .unexpectedError
    }
  }
}

extension ProtoStatus: StatusMessage {
  var status: ProtoStatus {
    get { self }
    set { self = newValue }
  }
}

extension ProtoKeyValuePair {
  init(_ parameter: CollectionDefinition.Parameter) {
    self.init()
    key = parameter.key
    value = parameter.value
  }
}

extension CollectionDefinition.Parameter {
  init(_ pair: ProtoKeyValuePair) { self.init(key: pair.key, value: pair.value) }
}

extension ProtoConnectResponse: StatusMessage {}
extension ProtoGetVersionResponse: StatusMessage {}
extension ProtoCheckHealthResponse: StatusMessage {}
extension ProtoAllocTimestampResponse: StatusMessage {}
extension ProtoDescribeCollectionResponse: StatusMessage {}
extension ProtoBoolResponse: StatusMessage {}
extension ProtoShowCollectionsResponse: StatusMessage {}
extension ProtoDescribeIndexResponse: StatusMessage {}
extension ProtoGetLoadingProgressResponse: StatusMessage {}
extension ProtoGetLoadStateResponse: StatusMessage {}
extension ProtoFlushResponse: StatusMessage {}
extension ProtoGetFlushStateResponse: StatusMessage {}
extension ProtoFlushAllResponse: StatusMessage {}
extension ProtoGetFlushAllStateResponse: StatusMessage {}
extension ProtoMutationResult: StatusMessage {}
extension ProtoQueryResults: StatusMessage {}
extension ProtoSearchResults: StatusMessage {}
extension ProtoGetCollectionStatisticsResponse: StatusMessage {}
extension ProtoGetPartitionStatisticsResponse: StatusMessage {}
extension ProtoDescribeAliasResponse: StatusMessage {}
extension ProtoListAliasesResponse: StatusMessage {}
extension ProtoShowPartitionsResponse: StatusMessage {}
extension ProtoTruncateCollectionResponse: StatusMessage {}
extension ProtoManualCompactionResponse: StatusMessage {}
extension ProtoGetCompactionStateResponse: StatusMessage {}
extension ProtoListDatabasesResponse: StatusMessage {}
extension ProtoDescribeDatabaseResponse: StatusMessage {}

extension ProtoListCredUsersResponse: StatusMessage {}
extension ProtoImportResponse: StatusMessage {}
extension ProtoGetImportStateResponse: StatusMessage {}
extension ProtoListImportTasksResponse: StatusMessage {}
extension ProtoSelectUserResponse: StatusMessage {}
extension ProtoSelectRoleResponse: StatusMessage {}
extension ProtoSelectGrantResponse: StatusMessage {}
extension ProtoListPrivilegeGroupsResponse: StatusMessage {}
extension ProtoRunAnalyzerResponse: StatusMessage {}
extension ProtoGetQuerySegmentInfoResponse: StatusMessage {}
extension ProtoGetPersistentSegmentInfoResponse: StatusMessage {}
extension ProtoGetReplicasResponse: StatusMessage {}
extension ProtoGetCompactionPlansResponse: StatusMessage {}
extension ProtoAlterCollectionSchemaResponse: StatusMessage {
  var status: ProtoStatus {
    get { alterStatus }
    set { alterStatus = newValue }
  }
}

extension ProtoCreateCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoDropCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoDescribeCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoHasCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoShowCollectionsRequest: NamesDatabase {}
extension ProtoRenameCollectionRequest: NamesDatabase, NamesCollection {
  package var collectionName: String { oldName }
}
extension ProtoCreateIndexRequest: NamesDatabase, NamesCollection {}
extension ProtoDescribeIndexRequest: NamesDatabase, NamesCollection {}
extension ProtoDropIndexRequest: NamesDatabase, NamesCollection {}
extension ProtoAlterIndexRequest: NamesDatabase, NamesCollection {}
extension ProtoLoadCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoReleaseCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoGetLoadingProgressRequest: NamesDatabase, NamesCollection {}
extension ProtoGetLoadStateRequest: NamesDatabase, NamesCollection {}
extension ProtoFlushRequest: NamesDatabase, NamesCollections {}
extension ProtoGetFlushStateRequest: NamesDatabase, NamesCollection {}
extension ProtoInsertRequest: NamesDatabase, NamesCollection {}
extension ProtoUpsertRequest: NamesDatabase, NamesCollection {}
extension ProtoDeleteRequest: NamesDatabase, NamesCollection {}
extension ProtoQueryRequest: NamesDatabase, NamesCollection {}
extension ProtoHybridSearchRequest: NamesDatabase, NamesCollection {}
extension ProtoSearchRequest: NamesDatabase, NamesCollection {}
extension ProtoGetCollectionStatisticsRequest: NamesDatabase, NamesCollection {}
extension ProtoCreateAliasRequest: NamesDatabase, NamesCollection, NamesAlias {}
extension ProtoDropAliasRequest: NamesDatabase, NamesAlias {}
extension ProtoAlterAliasRequest: NamesDatabase, NamesCollection, NamesAlias {}
extension ProtoDescribeAliasRequest: NamesDatabase, NamesAlias {}
extension ProtoListAliasesRequest: NamesDatabase, NamesCollection {}
extension ProtoAlterCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoAddCollectionFieldRequest: NamesDatabase, NamesCollection {}
extension ProtoTruncateCollectionRequest: NamesDatabase, NamesCollection {}
extension ProtoManualCompactionRequest: NamesDatabase, NamesCollection {}
extension ProtoImportRequest: NamesDatabase, NamesCollection {}
extension ProtoListImportTasksRequest: NamesDatabase, NamesCollection {}
extension ProtoRunAnalyzerRequest: NamesDatabase, NamesCollection {}
extension ProtoGetQuerySegmentInfoRequest: NamesDatabase, NamesCollection {}
extension ProtoGetPersistentSegmentInfoRequest: NamesDatabase, NamesCollection {}
extension ProtoGetReplicasRequest: NamesDatabase, NamesCollection {}
extension ProtoGetCompactionPlansRequest: NamesDatabase, NamesCollection {}
extension ProtoAlterCollectionFieldRequest: NamesDatabase, NamesCollection {}
extension ProtoAlterCollectionSchemaRequest: NamesDatabase, NamesCollection {}
extension ProtoCreatePartitionRequest: NamesDatabase, NamesCollection {}
extension ProtoDropPartitionRequest: NamesDatabase, NamesCollection {}
extension ProtoShowPartitionsRequest: NamesDatabase, NamesCollection {}
extension ProtoHasPartitionRequest: NamesDatabase, NamesCollection {}
extension ProtoLoadPartitionsRequest: NamesDatabase, NamesCollection {}
extension ProtoReleasePartitionsRequest: NamesDatabase, NamesCollection {}
extension ProtoGetPartitionStatisticsRequest: NamesDatabase, NamesCollection {}
