internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

extension QdrantAPI {
  private static let points = "collections/{name}/points"

  /// Writes of whole points and of vectors.
  func addPointRoutes(to group: GuardedRoutes) {
    write(.put, "", to: group) { fields, collection, body in
      try await operations.upsert(fields, body: body, to: collection)
    }
    write(.post, "/delete", to: group) { fields, collection, _ in
      try await operations.delete(fields, from: collection)
    }
    write(.put, "/vectors", to: group) { fields, collection, _ in
      try await operations.updateVectors(fields, in: collection)
    }
    write(.post, "/vectors/delete", to: group) { fields, collection, _ in
      try await operations.deleteVectors(fields, in: collection)
    }
    route(.post, Self.points + "/batch", .write, to: group) { call in
      let collection = try operations.describe(try call.path("name"))
      let fields = try call.object(floatKeys: PointTranslation.floatKeys(of: collection))
      let list = try fields.required("operations", try fields.array("operations"))
      let steps = try list.enumerated().map { index, json in
        try BatchStep(json, at: "operations[\(index)]")
      }
      var updates: [QdrantUpdate] = []
      for step in steps {
        // A step may come after another one that this request has made.
        try await run(step, in: try operations.describe(try call.path("name")), body: call.body)
        updates.append(QdrantUpdate())
      }
      return call.answer { json in
        json.beginArray()
        for update in updates { update.write(to: &json, waited: call.waits) }
        json.endArray()
      }
    }
  }

  /// Writes of payloads.
  func addPayloadRoutes(to group: GuardedRoutes) {
    let kinds: [(HTTPMethod, String, BatchStep.Kind)] = [
      (.post, "/payload", .setPayload), (.put, "/payload", .overwritePayload),
      (.post, "/payload/delete", .deletePayload), (.post, "/payload/clear", .clearPayload),
    ]
    for (method, path, kind) in kinds {
      write(method, path, to: group) { fields, collection, body in
        try await run(BatchStep(kind: kind, fields: fields), in: collection, body: body)
      }
    }
  }

  private typealias HTTPMethod = HTTPRequest.Method

  private func write(
    _ method: HTTPMethod, _ path: String, to group: GuardedRoutes,
    _ body: @escaping @Sendable (QdrantFields, QdrantCollection, ByteBuffer) async throws -> Void
  ) {
    route(method, Self.points + path, .write, to: group) { call in
      let collection = try operations.describe(try call.path("name"))
      let fields = try call.object(floatKeys: PointTranslation.floatKeys(of: collection))
      try await body(fields, collection, call.body)
      return call.answer(QdrantUpdate())
    }
  }

  /// One operation of a batch.
  private struct BatchStep: Sendable {
    enum Kind: String, CaseIterable {
      case upsert
      case delete
      case deletePoints = "delete_points"
      case setPayload = "set_payload"
      case overwritePayload = "overwrite_payload"
      case deletePayload = "delete_payload"
      case clearPayload = "clear_payload"
      case updateVectors = "update_vectors"
      case deleteVectors = "delete_vectors"
    }

    var kind: Kind
    var fields: QdrantFields

    init(kind: Kind, fields: QdrantFields) {
      self.kind = kind
      self.fields = fields
    }

    init(_ json: JSON, at path: String) throws(QdrantError) {
      let outer = try QdrantFields(json, at: path)
      guard outer.object.members.count == 1, let name = outer.object.members.first?.key,
        let kind = Kind(rawValue: name), let fields = try outer.fields(name)
      else {
        let names = Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        throw .format("\(path): expected one of \(names)")
      }
      self.init(kind: kind, fields: fields)
    }
  }

  private func run(_ step: BatchStep, in collection: QdrantCollection, body: ByteBuffer) async throws {
    let fields = step.fields
    switch step.kind {
    case .upsert: try await operations.upsert(fields, body: body, to: collection)
    case .delete, .deletePoints: try await operations.delete(fields, from: collection)
    case .updateVectors: try await operations.updateVectors(fields, in: collection)
    case .deleteVectors: try await operations.deleteVectors(fields, in: collection)
    case .setPayload:
      let path = try fields.string("key").map { (text) throws(QdrantError) in
        let path = try QdrantPath.read(text, at: fields.place("key"))
        try PointTranslation.requireNothingHidden(at: path)
        return path
      }
      try await edit(.set(try payload(fields), at: path), fields, in: collection)
    case .overwritePayload: try await edit(.overwrite(try payload(fields)), fields, in: collection)
    case .deletePayload:
      let keys = try fields.required("keys", try fields.strings("keys"))
      let paths = try keys.map { (key) throws(QdrantError) in
        let path = try QdrantPath.read(key, at: fields.place("keys"))
        try PointTranslation.requireNothingHidden(at: path)
        return path
      }
      try await edit(.delete(paths), fields, in: collection)
    case .clearPayload: try await edit(.clear, fields, in: collection)
    }
  }

  private func edit(_ edit: PayloadEdit, _ fields: QdrantFields, in collection: QdrantCollection) async throws
  {
    try await operations.edit(edit, try operations.selection(fields, in: collection), in: collection)
  }

  private func payload(_ fields: QdrantFields) throws(QdrantError) -> JSONObject {
    let payload = try fields.required("payload", try fields.fields("payload")).object
    try PointTranslation.requireNothingHidden(in: payload)
    return payload
  }
}
