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
      try MilvusOperations.check(importOptions: input.3)
      let id = try await operations.startImport(input.1, into: input.0, partition: input.2)
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
        guard let id = Int64(text) else { throw MilvusError.importing("parse jobID failed, jobID=\(text)") }
        let found = try operations.describeImport(id)
        return MilvusAnswer.success { Self.write(found, to: &$0) }
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
    for files in found.order.files {
      json.beginObject()
      json.member("fileName", files.joined(separator: ","))
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
