internal import MoultEngine
internal import MoultModel

/// Groups of privileges that users make. What is granted is the group: whoever has it may do what its members allow when
/// he asks.
extension MilvusOperations {
  func createPrivilegeGroup(_ name: String) async throws {
    try Self.checkGroup(name)
    guard Privilege.level(of: name) == nil else {
      throw MilvusError.invalidParameter(
        "privilege group name [\(name)] is defined by built in privileges or privilege groups in system")
    }
    try await engine.whole.changeAccess { try $0.addGroup(name) }
  }

  /// One that is not there, or is always there, is no failure.
  func dropPrivilegeGroup(_ name: String) async throws {
    try Self.checkGroup(name)
    try await engine.whole.changeAccess { try $0.removeGroup(name) }
  }

  /// Those that users made, then those that are always there; each in the order of names.
  var privilegeGroups: [(name: String, privileges: [String])] {
    [engine.whole.accessList.groups, Privilege.groups].flatMap { groups in
      groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }
  }

  /// Adds privileges to a group, or takes them out; what is there, or not there, already is no failure.
  ///
  /// - Throws: 1100, also where privileges of different levels would meet, or the group is granted where one of this level
  ///   cannot be.
  func changePrivilegeGroup(_ name: String, _ privileges: [String], isAdded: Bool) async throws {
    try Self.checkGroup(name)
    try await engine.whole.changeAccess { list -> Void in
      let present = Set(list.groups[name] ?? [])
      if list.groups[name] != nil { try Self.check(privileges, list.groups) }
      guard isAdded else { return try list.setGroup(name, present.subtracting(privileges)) }
      let members = present.union(privileges)
      try list.setGroup(name, members)
      let levels = Set(members.compactMap { Privilege.level(of: $0) })
      guard levels.count == 1, let level = levels.first else {
        throw MilvusError.invalidParameter("privileges are not the same privilege level")
      }
      for grant in list.grants(ofGroup: name).values.joined() {
        try Self.checkPlace(of: name, level, collection: grant.name, database: grant.database)
      }
    }
  }

  private static func check(_ privileges: [String], _ groups: [String: [String]]) throws {
    guard !privileges.isEmpty else {
      throw MilvusError.invalidParameter("privileges is empty when alter the privilege group")
    }
    for privilege in privileges where Privilege.level(of: privilege) == nil {
      throw MilvusError.invalidParameter(
        groups[privilege] != nil
          ? "privilege group [\(privilege)] cannot be a member of another group in this version of Moult"
          : "there is no privilege name or privilege group name [\(privilege)] defined in system to operate")
    }
  }

  private static func checkGroup(_ name: String) throws {
    switch Name.fault(of: name) {
    case nil: return
    case .empty: throw MilvusError.invalidParameter("privilege group name should not be empty")
    case .tooLong:
      throw MilvusError.invalidParameter(
        "the length of a privilege group name \(name.prefix(64)) must be less than 255 characters")
    case .badFirstCharacter:
      throw MilvusError.invalidParameter(
        "the first character of a privilege group name \(name) must be an underscore or letter")
    case .badCharacter:
      throw MilvusError.invalidParameter(
        "privilege group name \(name) can only contain numbers, letters and underscores")
    }
  }
}
