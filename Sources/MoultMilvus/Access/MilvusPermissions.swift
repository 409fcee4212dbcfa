internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// What the caller of the request under way may do, as privileges of Milvus have it.
struct MilvusPermissions {
  /// `nil` for one who is not looked at: the holder of a token of the server, where its kind was looked at already, and a
  /// user of the role `admin`.
  private let grants: [AccessList.Grant]?
  /// Groups of privileges that users made.
  private let groups: [String: [String]]
  let user: String

  init(of caller: Caller?, _ list: AccessList) {
    user = caller?.user ?? AccessList.root
    groups = list.groups
    guard let caller, let user = caller.user, !list.isAdministrator(user) else {
      grants = nil
      return
    }
    grants = list.grants(of: user)
  }

  /// - Parameters:
  ///   - database: `nil` where it does not matter.
  ///   - collection: `nil` where the request names none: then it must be granted for all.
  func allow(_ privilege: String, database: String?, collection: String?) -> Bool {
    guard let grants else { return true }
    let level = Privilege.level(of: privilege)
    return grants.contains { grant in
      includes(grant, privilege, level) && isWithin(grant, database)
        && (grant.name == "*" || (level == .collection && grant.name == collection))
    }
  }

  /// Whether nothing is looked at: what no table knows is for such alone.
  var isUnlimited: Bool { grants == nil }

  /// Whether anything at all is granted for this collection, and so whether the user may know of it.
  func knows(_ collection: String, database: String) -> Bool {
    guard let grants else { return true }
    // What everyone may do names no collection.
    return allow("ShowCollections", database: database, collection: nil)
      || grants.contains { isWithin($0, database) && $0.name == collection }
  }

  private func isWithin(_ grant: AccessList.Grant, _ database: String?) -> Bool {
    guard let database else { return true }
    return grant.database == "*" || grant.database == database
  }

  /// Everything of collections is not everything.
  private func includes(_ grant: AccessList.Grant, _ privilege: String, _ level: Privilege.Level?) -> Bool {
    if grant.privilege == Privilege.all {
      return level != nil && (grant.object == "Global" || grant.object == level?.object)
    }
    return ([grant.privilege] + (groups[grant.privilege] ?? [])).contains {
      $0 == privilege || Privilege.groups[$0]?.contains(privilege) == true
    }
  }
}

extension MilvusOperations {
  var permissions: MilvusPermissions { MilvusPermissions(of: Caller.current, engine.whole.accessList) }

  /// - Parameters:
  ///   - method: of Milvus' service.
  ///   - names: in the request.
  ///   - named: the database that the request is about, where it is not in one.
  /// - Throws: 1401 with HTTP's 403.
  func requirePrivilege(for method: String, _ names: MilvusNames, database named: String = "") throws {
    guard Caller.current?.user != nil else { return }
    let permissions = permissions
    guard let listed = Privilege.methods[method] else {
      return try require(permissions.isUnlimited, method, permissions)
    }
    guard let privilege = listed else { return }
    let database = Privilege.level(of: privilege) == .cluster ? nil : named.isEmpty ? Self.database : named
    var collections = ([names.collection] + names.others).filter { !$0.isEmpty }
      .map { (try? engine.describeAlias($0)) ?? $0 }
    // Who moves or drops an alias takes it from the collection that it stands for.
    if let target = try? engine.describeAlias(names.alias) { collections.append(target) }
    let isAllowed =
      collections.isEmpty
      ? permissions.allow(privilege, database: database, collection: nil)
      : collections.allSatisfy { permissions.allow(privilege, database: database, collection: $0) }
    try require(isAllowed, privilege, permissions)
  }

  /// - Throws: 1401 unless the caller has the privilege, which is one of the whole server's.
  func require(_ privilege: String) throws {
    let permissions = permissions
    try require(permissions.allow(privilege, database: nil, collection: nil), privilege, permissions)
  }

  private func require(_ isAllowed: Bool, _ privilege: String, _ permissions: MilvusPermissions) throws {
    guard !isAllowed else { return }
    throw MilvusError.denied(
      "Privilege\(privilege): permission deny to \(permissions.user) in the `\(Self.database)` database")
  }
}
