internal import Foundation
internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/jobs/import/…`.
extension MilvusAPI {
  func addImportRoutes(to group: GuardedRoutes) {
    route("jobs/import/create", .write, type: "ImportReq", to: group) { fields in
      let collection = try fields.requiredString("collectionName")
      _ = fields.required("files")
      let sets = try (fields.fields.array("files") ?? []).map { value in
        try (value.array ?? []).map { file in
          guard let text = file.string else {
            throw fields.fields.mismatch("files", expected: "a list of lists of paths", file)
          }
          return text
        }
      }
      let options = JSONParameter.list(try fields.fields.fields("options"))
      return (collection, sets, try fields.string("partitionName"), options)
    } answer: { input, _ in
      let waits = try MilvusOperations.waitsForCommit(importOptions: input.3)
      let id = try await operations.startImport(
        input.1, into: input.0, partition: input.2, waitsForCommit: waits)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("jobId", String(id))
        json.endObject()
      }
    }
    for action in ["describe", "get_progress"] {
      route("jobs/import/\(action)", .read, type: "JobIDReq", to: group) {
        try $0.requiredString("jobId")
      } answer: { text, _ in
        let found = try operations.describeImport(try Self.jobID(text))
        return MilvusAnswer.success { Self.write(found, to: &$0) }
      }
    }
    for action in ["commit", "abort"] {
      route("jobs/import/\(action)", .write, type: "JobIDReq", to: group) {
        try $0.requiredString("jobId")
      } answer: { text, _ in
        let id = try Self.jobID(text)
        if action == "commit" {
          try await operations.commitImport(id)
        } else {
          try await operations.abortImport(id)
        }
        return MilvusAnswer.success()
      }
    }
    route("jobs/import/list", .read, type: "OptionalCollectionNameReq", to: group) {
      try $0.string("collectionName")
    } answer: { name, _ in
      let found = try operations.listImports(name)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.key("records")
        json.beginArray()
        for one in found {
          json.beginObject()
          Self.writeState(of: one, to: &json)
          json.endObject()
        }
        json.endArray()
        json.endObject()
      }
    }
  }

  private static func jobID(_ text: String) throws -> Int64 {
    guard let id = Int64(text) else { throw MilvusError.importing("parse jobID failed, jobID=\(text)") }
    return id
  }

  private static func writeState(of found: DescribedImport, to json: inout JSONWriter) {
    json.member("collectionName", found.collection)
    json.member("jobId", String(found.job.id))
    json.member("progress", found.progress)
    if !found.reason.isEmpty { json.member("reason", found.reason) }
    json.member("state", found.state)
  }

  private static func write(_ found: DescribedImport, to json: inout JSONWriter) {
    json.beginObject()
    if let finishedAt = found.job.finishedAt { json.member("completeTime", time(finishedAt)) }
    json.member("createTime", time(found.job.createdAt))
    json.key("details")
    json.beginArray()
    for (set, files) in found.order.files.enumerated() {
      json.beginObject()
      if let finishedAt = found.job.finishedAt { json.member("completeTime", time(finishedAt)) }
      json.member("fileName", files.joined(separator: ","))
      if let bytes = found.order.setBytes?.dropFirst(set).first { json.member("fileSize", bytes) }
      // Rows are counted through all sets.
      if found.order.files.count == 1 {
        json.member("importedRows", found.importedRows)
        json.member("totalRows", found.totalRows)
      }
      json.member("progress", found.progress)
      if !found.reason.isEmpty { json.member("reason", found.reason) }
      json.member("state", found.state)
      json.endObject()
    }
    json.endArray()
    json.member("fileSize", found.order.fileBytes)
    json.member("importedRows", found.importedRows)
    json.member("totalRows", found.totalRows)
    writeState(of: found, to: &json)
    json.endObject()
  }

  private static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000).ISO8601Format()
  }
}
