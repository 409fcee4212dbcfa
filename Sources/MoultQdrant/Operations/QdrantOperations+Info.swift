internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// How a collection stands, in Qdrant's colours: yellow while a switch or other work is under way, red when the last
  /// switch has failed and nothing was done about it, green otherwise. It is never grey: work that is due begins by
  /// itself, also after a restart.
  struct Standing {
    var colour: String
    /// Of the last switch, if it failed.
    var error: String?
    /// Switches and other work under way, oldest first.
    var unfinished: [MoultModel.JobInfo]
    var finished: [MoultModel.JobInfo]
  }

  func standing(of collection: QdrantCollection) throws -> Standing {
    // Jobs of an earlier collection of this name say nothing about this one.
    let jobs = try jobs(of: collection.name).filter { $0.createdAt >= collection.info.createdAt }
    let unfinished = Array(jobs.filter { !$0.state.isFinal && $0.kind != Self.retireKind }.reversed())
    let finished = jobs.filter { $0.state.isFinal }
    var error: String?
    for target in Set(jobs.map(\.subject)) {
      let last = jobs.first { $0.subject == target && $0.kind == Self.switchKind }
      if let last, last.state == .failed { error = last.error ?? "the switch failed" }
    }
    return Standing(
      colour: unfinished.isEmpty ? (error == nil ? "green" : "red") : "yellow", error: error,
      unfinished: unfinished, finished: finished)
  }

  /// Gives up generations that are kept for rollback: searches do not depend on it.
  private static let retireKind = "retire"

  /// `GET /collections/{name}`.
  func writeInfo(of collection: QdrantCollection, to json: inout JSONWriter) async throws {
    let standing = try standing(of: collection)
    let (info, definition) = (collection.info, collection.definition)
    let indexPoints = try await indexPoints(of: collection)
    json.beginObject()
    json.member("status", standing.colour)
    json.key("optimizer_status")
    if let error = standing.error {
      json.beginObject()
      json.member("error", error)
      json.endObject()
    } else {
      json.value("ok")
    }
    json.member("indexed_vectors_count", try indexedVectors(of: collection))
    json.member("points_count", info.count)
    json.member("segments_count", 1)
    json.key("config")
    CollectionSettings.write(definition, to: &json)
    json.key("payload_schema")
    json.beginObject()
    for index in definition.payloadIndexes {
      json.key(index.field)
      json.beginObject()
      json.member("data_type", index.type)
      if case .object(let parameters) = index.schema { json.member("params", .object(parameters)) }
      json.member("points", indexPoints[index.field] ?? 0)
      json.endObject()
    }
    json.endObject()
    json.key("update_queue")
    json.beginObject()
    json.member("length", 0)
    json.endObject()
    // Ours: how many of the points have each vector.
    json.key("vectors_coverage")
    json.beginObject()
    for vector in collection.vectors {
      json.key(vector.name)
      json.beginObject()
      // Those in payloads are counted later than the points.
      json.member("filled", min(info.count, try await filledCount(of: vector, in: collection)))
      json.member("total", info.count)
      json.endObject()
    }
    json.endObject()
    let warnings = try engine.fillsUnderWay(of: collection.name)
    if !warnings.isEmpty {
      json.key("warnings")
      json.beginArray()
      for warning in warnings { json.value(.object(["message": .string(warning)])) }
      json.endArray()
    }
    json.member(
      "created_at", Date(timeIntervalSince1970: Double(info.createdAt) / 1_000).formatted(.iso8601))
    json.endObject()
  }

  private func filledCount(of vector: QdrantVector, in collection: QdrantCollection) async throws -> Int {
    if let count = collection.count(of: vector) { return count }
    if case .multi(_, let part) = vector.kind {
      return try await engine.partCount(number: part, of: collection.name)
    }
    return try await engine.count(collection.name, filter: .field(FieldPath([vector.target]), .exists)).count
  }

  private func indexedVectors(of collection: QdrantCollection) throws -> Int {
    var count = 0
    for vector in collection.vectors {
      guard case .dense = vector.kind, let own = collection.count(of: vector) else { continue }
      count += max(0, own - (try engine.rowsWithoutIndex(of: vector.target)))
    }
    return count
  }

  /// How many points have a value under each indexed key.
  private func indexPoints(of collection: QdrantCollection) async throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for index in collection.definition.payloadIndexes {
      guard let path = QdrantPath(index.field) else { continue }
      // Up to the first array: elements are not looked into.
      var names: [String] = []
      for step in path.steps {
        guard case .key(let name) = step else { break }
        names.append(name)
      }
      let present = PointFilter.all([
        .field(FieldPath(names), .exists), .not(.field(FieldPath(names), .isOneOf([.null]))),
      ])
      do {
        counts[index.field] = try await engine.count(collection.name, filter: present).count
      } catch let error as MoultError where error.code == .invalidArgument {
        // Filters cannot name the key: an index on it was taken by versions before this one.
        counts[index.field] = 0
      }
    }
    return counts
  }

  /// `GET /collections/{name}/optimizations`: switches and other work as Qdrant tells of its optimizers.
  func writeOptimizations(
    of collection: QdrantCollection, with wanted: Set<String>, completedLimit: Int, to json: inout JSONWriter
  ) throws {
    let standing = try standing(of: collection)
    let running = standing.unfinished.filter { $0.state == .running }
    let queued = standing.unfinished.filter { $0.state != .running }
    json.beginObject()
    json.key("summary")
    json.beginObject()
    json.member("queued_optimizations", queued.count)
    json.member("queued_segments", queued.count)
    json.member("queued_points", queued.isEmpty ? 0 : collection.info.count)
    json.member("idle_segments", standing.unfinished.isEmpty ? 1 : 0)
    json.endObject()
    json.key("running")
    json.beginArray()
    for job in running { write(job, of: collection, to: &json) }
    json.endArray()
    if wanted.contains("queued") {
      json.key("queued")
      json.beginArray()
      for job in queued {
        json.beginObject()
        json.member("optimizer", job.kind)
        json.key("segments")
        writeSegments(job, of: collection, to: &json)
        json.endObject()
      }
      json.endArray()
    }
    if wanted.contains("completed") {
      json.key("completed")
      json.beginArray()
      for job in standing.finished.prefix(completedLimit) { write(job, of: collection, to: &json) }
      json.endArray()
    }
    if wanted.contains("idle_segments") {
      json.key("idle_segments")
      json.beginArray()
      if standing.unfinished.isEmpty { writeSegment(of: collection, number: 0, to: &json) }
      json.endArray()
    }
    json.endObject()
  }

  private func write(_ job: MoultModel.JobInfo, of collection: QdrantCollection, to json: inout JSONWriter) {
    json.beginObject()
    json.member("uuid", Self.uuid(kind: 1, number: job.id))
    json.member("optimizer", job.kind)
    json.key("status")
    switch job.state {
    case .completed: json.value("done")
    case .failed:
      json.value(.object(["error": .string(job.error ?? "failed")]))
    case .cancelled: json.value(.object(["cancelled": .string("cancelled on request")]))
    case .available, .running, .retrying, .held, .paused: json.value("optimizing")
    }
    json.key("segments")
    writeSegments(job, of: collection, to: &json)
    json.key("progress")
    json.beginObject()
    json.member("name", job.progress.phase)
    if let startedAt = job.startedAt { json.member("started_at", Self.moment(startedAt)) }
    if let finishedAt = job.finishedAt { json.member("finished_at", Self.moment(finishedAt)) }
    json.member("done", job.progress.rowsDone)
    json.member("total", job.progress.rowsTotal)
    json.endObject()
    // Ours: what `moult jobs` calls it.
    json.member("job", job.id)
    json.endObject()
  }

  private func writeSegments(
    _ job: MoultModel.JobInfo, of collection: QdrantCollection, to json: inout JSONWriter
  ) {
    json.beginArray()
    writeSegment(of: collection, number: job.id, to: &json)
    json.endArray()
  }

  private func writeSegment(of collection: QdrantCollection, number: Int64, to json: inout JSONWriter) {
    json.beginObject()
    json.member("uuid", Self.uuid(kind: 2, number: collection.info.id))
    json.member("points_count", collection.info.count)
    json.endObject()
  }

  private static func moment(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
  }

  /// Clients want UUIDs where we have numbers.
  private static func uuid(kind: Int, number: Int64) -> String {
    let digits = String(UInt64(bitPattern: number), radix: 16)
    let padded = String(repeating: "0", count: max(0, 12 - digits.count)) + digits.suffix(12)
    return "00000000-0000-4000-800\(kind)-\(padded)"
  }
}
