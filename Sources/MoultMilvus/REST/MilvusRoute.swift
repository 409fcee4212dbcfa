internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

/// What a route works with beside its own fields.
struct MilvusCall {
  let body: ByteBuffer
  /// Whether int64 values are answered as text.
  let int64AsText: Bool
}

extension HTTPField.Name {
  static let databaseName = HTTPField.Name("DB-Name")!
  static let acceptTypeAllowInt64 = HTTPField.Name("Accept-Type-Allow-Int64")!
}

extension MilvusAPI {
  /// Adds `POST <root>/<path>`, with the checks in the order of Milvus: JSON and types (1801), required fields
  /// (1802), database (800), then the operation.
  ///
  /// - Parameters:
  ///   - access: as Milvus' privilege groups divide it: loading, releasing and flushing belong to writers.
  ///   - type: the request's type in Milvus, which its message about missing fields names.
  ///   - floatKeys: names of members that hold vectors, for this body.
  ///   - isInDatabase: whether the request's database is where it works; the others are about databases, or of the
  ///     whole server.
  func route<Input>(
    _ path: String, _ access: Access, type: String, to group: GuardedRoutes, isInDatabase: Bool = true,
    floatKeys: @escaping @Sendable (ByteBuffer) -> JSONFloatKeys = { _ in [] },
    read: @escaping @Sendable (inout MilvusFields) throws -> Input,
    answer: @escaping @Sendable (Input, MilvusCall) async throws -> Response
  ) {
    group.on(.post, path, access) { request, _ in
      let body = try await request.wholeBody(bodyBytesMax)
      var names = MilvusNames()
      do {
        let keys = RequestDatabase.$name.withValue(presumedDatabase(of: body, request)) { floatKeys(body) }
        let fields = try Self.fields(of: body, floatKeys: keys)
        names.collection = fields["collectionName"]?.string ?? ""
        names.alias = fields["aliasName"]?.string ?? ""
        var reader = MilvusFields(fields, type: type)
        let input: Input
        var database: String
        do {
          input = try read(&reader)
          database = try reader.string("dbName")
          try reader.requireAll()
        } catch let error as MoultError {
          throw MilvusError.badFormat(error.message)
        }
        if database.isEmpty { database = request.headers[.databaseName] ?? "" }
        return try await operations.inDatabase(isInDatabase ? database : nil) { [names, database] in
          try await operations.run(names) {
            // What no table knows is for administrators.
            try operations.requirePrivilege(
              for: Privilege.routes[path] ?? path, names, database: isInDatabase ? "" : database)
            return try await answer(input, MilvusCall(body: body, int64AsText: Self.wantsText(request)))
          }
        }
      } catch let error as MilvusError {
        return MilvusAnswer.failure(error)
      } catch let error as MoultError where error.code != .internalError && error.code != .corrupted {
        return MilvusAnswer.failure(error.milvusError(names))
      }
    }
  }

  /// The request's database before the request is read, because a collection's schema says what is a vector. Where
  /// there is only one database it is not looked for.
  private func presumedDatabase(of body: ByteBuffer, _ request: Request) -> String {
    guard operations.engine.whole.databaseCount > 1 else { return Name.defaultDatabase }
    let name = TopLevelText.find("dbName", in: body) ?? ""
    if !name.isEmpty { return name }
    return request.headers[.databaseName].flatMap { $0.isEmpty ? nil : $0 } ?? Name.defaultDatabase
  }

  /// `null` is a valid empty request; no body at all is none.
  private static func fields(of body: ByteBuffer, floatKeys: JSONFloatKeys) throws -> RequestFields {
    guard body.readableBytes > 0 else { throw MilvusError.badFormat("EOF") }
    let json: JSON
    do {
      json = try body.json(floatKeys: floatKeys)
    } catch {
      throw MilvusError.badFormat(error.description)
    }
    switch json {
    case .null: return RequestFields(JSONObject(), ignoresCase: true)
    case .object(let object): return RequestFields(object, ignoresCase: true)
    default: throw MilvusError.badFormat("expected an object, got \(json.kind)")
    }
  }

  private static func wantsText(_ request: Request) -> Bool {
    ["false", "0", "f"].contains(request.headers[.acceptTypeAllowInt64]?.lowercased() ?? "true")
  }
}

/// A request that names a collection and nothing else.
struct CollectionNameRequest {
  var collection: String

  init(_ fields: inout MilvusFields) throws {
    collection = try fields.requiredString("collectionName")
  }
}
