internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Roles, and what is granted to them.
extension MilvusOperations {
  func createRole(_ name: String, summary: String) async throws {
    try UserCheck.role(name)
    do {
      try await engine.whole.changeAccess { try $0.addRole(name, summary: summary) }
    } catch let error as MoultError where error.code == .roleExists {
      throw MilvusError.invalidParameter("role [name:\"\(name)\"] already exists")
    }
  }

  func alterRole(_ name: String, summary: String) async throws {
    do {
      try await engine.whole.changeAccess { try $0.setSummary(summary, ofRole: name) }
    } catch let error as MoultError where error.code == .roleNotFound {
      throw Self.roleNotFound()
    }
  }

  func dropRole(_ name: String, force: Bool) async throws {
    guard name != AccessList.administrators, name != AccessList.everyone else {
      throw MilvusError.notPermitted("the role[\(name)] is a builtin role, which can't be dropped")
    }
    do {
      try await engine.whole.changeAccess { try $0.removeRole(name, force: force) }
    } catch let error as MoultError where error.code == .roleNotFound {
      throw Self.roleNotFound()
    } catch let error as MoultError where error.code == .roleInUse {
      throw MilvusError(
        code: MilvusError.Code.unexpected,
        message: "fail to drop the role that it has privileges. Use REVOKE API to revoke privileges")
    }
  }

  /// - Parameter name: empty for all.
  func describeRoles(_ name: String) throws -> [(name: String, summary: String, users: [String])] {
    let list = engine.whole.accessList
    if !name.isEmpty, list.roles[name] == nil { throw Self.roleNotFound() }
    return list.roles.filter { name.isEmpty || $0.key == name }.sorted { $0.key < $1.key }.map {
      role, value in
      let root = role == AccessList.administrators ? [AccessList.root] : []
      let users = list.users.filter { $0.value.roles.contains(role) }.keys.sorted()
      return (role, value.summary, root + users)
    }
  }

  // MARK: Grants

  /// The older way: a privilege for a kind of thing, and one of them or `*`.
  func grant(
    _ privilege: String, object: String, name: String, database: String, role: String, _ isGranted: Bool
  ) async throws {
    guard ["Collection", "Global", "User"].contains(object) else {
      throw MilvusError.invalidParameter("the object type in the object entity[type: \(object)] is invalid")
    }
    guard privilege == Privilege.all || Privilege.level(of: privilege) != nil else {
      throw MilvusError.invalidParameter("not found the privilege name[\(privilege)]")
    }
    guard !name.isEmpty else { throw MilvusError.invalidParameter("the object name should not be empty") }
    // One that is not of collections says nothing about which.
    guard name == "*" || privilege == Privilege.all || Privilege.level(of: privilege) == .collection else {
      throw MilvusError.invalidParameter(
        "the privilege \(privilege) is not about one \(object.lowercased()); the object name should be *",
        expected: "*", actual: name)
    }
    let grant = AccessList.Grant(
      object: object, name: name, database: database.isEmpty ? Self.database : database,
      privilege: privilege, grantor: permissions.user)
    try await change(role) { list in
      if isGranted { try list.grant(grant, to: role) } else { try list.revoke(grant, from: role) }
    }
  }

  /// The newer way: a privilege or a group of them, for a collection or `*` of a database or `*`.
  func grant(
    _ privilege: String, collection: String, database: String, role: String, _ isGranted: Bool
  ) async throws {
    let database = database.isEmpty ? Self.database : database
    let collection = collection.isEmpty ? "*" : collection
    let grantor = permissions.user
    try await change(role) { list in
      let members = list.groups[privilege]
      let level = Privilege.level(of: privilege) ?? members?.first.flatMap { Privilege.level(of: $0) }
      guard level != nil || members != nil else {
        throw MilvusError.invalidParameter("not found the privilege name[\(privilege)]")
      }
      let grant = AccessList.Grant(
        object: members == nil ? level?.object ?? "Global" : "Global", name: collection, database: database,
        privilege: privilege, grantor: grantor)
      guard isGranted else { return try list.revoke(grant, from: role) }
      try Self.checkPlace(of: privilege, level, collection: collection, database: database)
      try list.grant(grant, to: role)
    }
  }

  /// - Parameter level: `nil` for a group without members, which can be granted everywhere.
  /// - Throws: 1100 where a privilege of this level cannot be granted.
  static func checkPlace(
    of privilege: String, _ level: Privilege.Level?, collection: String, database: String
  ) throws {
    switch level {
    case nil: return
    case .cluster:
      guard database == "*", collection == "*" else {
        throw MilvusError.invalidParameter(
          "dbName and collectionName should be * for the cluster level privilege: \(privilege)")
      }
    case .database:
      guard collection == "*" else {
        throw MilvusError.invalidParameter(
          "collectionName should be * for the database level privilege: \(privilege)")
      }
    case .collection:
      guard database != "*" || collection == "*" else {
        throw MilvusError.invalidParameter(
          "please specify database name for the collection level privilege: \(privilege)")
      }
    }
  }

  private func change(
    _ role: String, _ change: @escaping @Sendable (inout AccessList) throws -> Void
  ) async throws {
    guard role != AccessList.administrators else {
      throw MilvusError.invalidParameter(
        "the role admin may do everything; nothing is granted to it or revoked")
    }
    do {
      try await engine.whole.changeAccess(change)
    } catch let error as MoultError where error.code == .roleNotFound {
      throw Self.roleNotFound()
    }
  }

  /// Everyone may see what is granted to roles of his own.
  ///
  /// - Parameters: but for the role empty for all.
  func grants(
    of role: String, object: String = "", name: String = "", database: String = ""
  ) throws -> [AccessList.Grant] {
    let list = engine.whole.accessList
    let isOwn = Caller.current?.user.flatMap { list.users[$0] }?.roles.contains(role) == true
    if !isOwn, role != AccessList.everyone { try require("SelectOwnership") }
    guard let grants = list.roles[role]?.grants else { throw Self.roleNotFound() }
    return grants.filter { grant in
      (object.isEmpty || grant.object == object) && (name.isEmpty || grant.name == name)
        && (database.isEmpty || database == "*" || grant.database == database || grant.database == "*")
    }
  }
}
