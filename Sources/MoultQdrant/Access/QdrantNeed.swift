internal import HTTPTypes
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// What a signed token must grant for a route, beyond whether it reads or writes.
enum QdrantNeed: Sendable {
  /// Nothing: the answer has only what the token grants.
  case nothing
  /// Reading of the service as a whole.
  case everything
  /// Changing it: collections come and go, aliases move.
  case management
  /// Of the collection that the route's path names.
  case collection(Claims.Grant)

  /// What is needed unless a route says otherwise.
  init(_ path: String, _ access: Access) {
    guard path.contains("{name}") else {
      self = access == .read ? .everything : .management
      return
    }
    self = .collection(access == .read ? .read : path.contains("}/points") ? .writePoints : .write)
  }
}

extension QdrantOperations {
  /// Compares what the caller's token says with what a route needs. Other callers have been looked at before.
  ///
  /// - Parameter collection: as the request calls it.
  /// - Throws: 403.
  func authorize(_ need: QdrantNeed, _ collection: () throws -> String) async throws {
    guard let claims = Caller.current?.claims else { return }
    if let condition = claims.condition { try await require(condition) }
    guard let grants = claims.collections else { return }
    switch need {
    case .nothing: break
    case .everything: throw QdrantError.forbidden("Global access is required")
    case .management: throw QdrantError.forbidden("Global manage access is required")
    case .collection(let needed):
      let name = try collection()
      guard let granted = grants[name] else { throw QdrantError.noAccess(name) }
      guard granted >= needed else {
        throw QdrantError.forbidden(
          "Write access to \(needed == .write ? "" : "points of ")collection \(name) is required")
      }
    }
  }

  /// Whether the caller's token lets him see a collection or an alias of this name.
  static func mayRead(_ name: String) -> Bool {
    guard let grants = Caller.current?.claims?.collections else { return true }
    return grants[name] != nil
  }

  /// For every collection that a request reads, also beside the one of its path.
  ///
  /// - Throws: 403.
  static func requireReadable(_ name: String) throws(QdrantError) {
    guard mayRead(name) else { throw .noAccess(name) }
  }

  /// - Throws: 403 unless a point has all of the values.
  private func require(_ condition: Claims.Condition) async throws {
    let tests = condition.matches.map { match in
      JSON.object(["key": .string(match.key), "match": .object(["value": match.value])])
    }
    let filter = try QdrantFilter(.object(["must": .array(tests)]), at: "value_exists").pointFilter
    let page = try? await engine.query(
      QdrantName.encoded(condition.collection), filter: filter, limit: 1, includeVectors: false,
      includePayload: false)
    guard page?.points.isEmpty == false else {
      throw QdrantError.forbidden(
        "the token is only good while a point of collection \(condition.collection) has the values of `value_exists`"
      )
    }
  }
}

extension QdrantError {
  /// 403.
  static func forbidden(_ text: String) -> QdrantError {
    QdrantError(status: .forbidden, message: "Forbidden: \(text)")
  }

  fileprivate static func noAccess(_ collection: String) -> QdrantError {
    .forbidden("Access to collection \(collection) is required")
  }
}
