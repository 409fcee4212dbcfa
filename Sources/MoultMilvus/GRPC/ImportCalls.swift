internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var importCalls: [RPCMethod] {
    [
      rpc("Import", .write, ProtoImportRequest.self) { request in
        // Files of columns belong together, others stand for themselves.
        let waits = try MilvusOperations.waitsForCommit(
          importOptions: request.options.map(CollectionDefinition.Parameter.init))
        let isColumns = request.files.allSatisfy { $0.lowercased().hasSuffix(".npy") }
        let files = isColumns ? [request.files] : request.files.map { [$0] }
        let id = try await operations.startImport(
          files, into: request.collectionName, partition: request.partitionName, waitsForCommit: waits)
        return ProtoImportResponse.with { $0.tasks = [id] }
      },
      rpc("GetImportState", .read, ProtoGetImportStateRequest.self) { request in
        ProtoGetImportStateResponse(try operations.describeImport(request.task))
      },
      rpc("ListImportTasks", .read, ProtoListImportTasksRequest.self) { request in
        let limit = request.limit > 0 ? Int(clamping: request.limit) : 1_000
        let found = try operations.listImports(request.collectionName, limit: limit)
        return ProtoListImportTasksResponse.with { $0.tasks = found.map(ProtoGetImportStateResponse.init) }
      },
    ]
  }
}

extension ProtoGetImportStateResponse {
  init(_ found: DescribedImport) {
    self.init()
    id = found.job.id
    rowCount = found.importedRows
    createTs = found.job.createdAt / 1000
    state =
      switch found.job.state {
      case _ where found.isAborted: .failed
      case .available: .pending
      case .running, .retrying, .held, .paused: .started
      case .completed: .completed
      case .failed, .cancelled: .failed
      }
    let infos = [
      ("files", found.order.files.joined().joined(separator: ",")), ("collection", found.collection),
      ("partition", found.order.partition), ("failed_reason", found.reason),
      ("progress_percent", String(found.progress)),
    ]
    self.infos = infos.map { ProtoKeyValuePair(.init(key: $0, value: $1)) }
  }
}
