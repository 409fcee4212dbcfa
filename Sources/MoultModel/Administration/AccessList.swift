/// Users, the roles they have, and what roles may do: one value, read and changed as a whole.
///
/// What a privilege allows is a matter of the protocol; here it is a word.
public struct AccessList: Sendable, Codable, Equatable {
  public struct User: Sendable, Codable, Equatable {
    public var password: PasswordHash
    public var summary: String
    /// Sorted; ``AccessList/everyone`` is not among them.
    public var roles: [String] = []
  }

  public struct Role: Sendable, Codable, Equatable {
    public var summary: String
    public var grants: [Grant] = []
  }

  public struct Grant: Sendable, Codable, Hashable {
    /// What kind of thing it is about.
    public var object: String
    /// One such thing, or `*`.
    public var name: String
    /// One database, or `*`.
    public var database: String
    /// A privilege, or a group of them.
    public var privilege: String
    public var grantor: String

    public init(object: String, name: String, database: String, privilege: String, grantor: String) {
      self.object = object
      self.name = name
      self.database = database
      self.privilege = privilege
      self.grantor = grantor
    }

    /// Whether both allow the same, whoever granted it.
    func isSame(_ other: Grant) -> Bool {
      (object, name, database, privilege) == (other.object, other.name, other.database, other.privilege)
    }
  }

  /// The role that may do everything; nothing is granted to it.
  public static let administrators = "admin"
  /// The role that everyone has.
  public static let everyone = "public"
  /// Whom the server's own token stands for; it has no password here.
  public static let root = "root"
  /// Users, roles, grants of one role, groups, and privileges of one group, at most.
  public static let countMax = 1000

  public private(set) var users: [String: User] = [:]
  public private(set) var roles: [String: Role] = [:]
  /// `nil` in lists of before there were any.
  private var privilegeGroups: [String: [String]]?

  /// Groups of privileges that were made here, by name; sorted.
  public var groups: [String: [String]] { privilegeGroups ?? [:] }

  /// Without users. Everyone may learn what collections, indexes and aliases are like, as with Milvus; it can be
  /// revoked.
  public init() {
    roles[Self.administrators] = Role(summary: "")
    roles[Self.everyone] = Role(
      summary: "",
      grants: [("Global", "DescribeCollection"), ("Global", "ListAliases"), ("Collection", "IndexDetail")].map
      {
        Grant(object: $0, name: "*", database: "*", privilege: $1, grantor: Self.root)
      })
  }

  // MARK: Reading

  public func isAdministrator(_ user: String) -> Bool {
    user == Self.root || users[user]?.roles.contains(Self.administrators) == true
  }

  /// Everything that is granted to a user; nothing to one who is not there.
  public func grants(of user: String) -> [Grant] {
    guard let user = users[user] else { return [] }
    return (user.roles + [Self.everyone]).flatMap { roles[$0]?.grants ?? [] }
  }

  // MARK: Users

  /// - Throws: `userExists`; `invalidArgument` when there are too many.
  public mutating func addUser(_ name: String, password: PasswordHash, summary: String) throws(MoultError) {
    guard users[name] == nil, name != Self.root else {
      throw MoultError(.userExists, "there is a user '\(name)' already")
    }
    try requireRoom(users.count, "users")
    users[name] = User(password: password, summary: summary)
  }

  /// - Throws: `userNotFound`.
  public mutating func setPassword(_ password: PasswordHash, of user: String) throws(MoultError) {
    try requireUser(user)
    users[user]?.password = password
  }

  /// - Throws: `userNotFound`.
  public mutating func setSummary(_ summary: String, ofUser user: String) throws(MoultError) {
    try requireUser(user)
    users[user]?.summary = summary
  }

  /// One who is not there is no failure.
  public mutating func removeUser(_ name: String) { users[name] = nil }

  /// - Throws: `userNotFound`, `roleNotFound`.
  public mutating func setRole(_ role: String, ofUser user: String, _ isGiven: Bool) throws(MoultError) {
    try requireUser(user)
    try requireRole(role)
    users[user]?.roles.removeAll { $0 == role }
    guard isGiven, role != Self.everyone else { return }
    users[user]?.roles.append(role)
    users[user]?.roles.sort()
  }

  // MARK: Roles

  /// - Throws: `roleExists`; `invalidArgument` when there are too many.
  public mutating func addRole(_ name: String, summary: String) throws(MoultError) {
    guard roles[name] == nil else { throw MoultError(.roleExists, "there is a role '\(name)' already") }
    try requireRoom(roles.count, "roles")
    roles[name] = Role(summary: summary)
  }

  /// - Throws: `roleNotFound`.
  public mutating func setSummary(_ summary: String, ofRole role: String) throws(MoultError) {
    try requireRole(role)
    roles[role]?.summary = summary
  }

  /// Users lose it.
  ///
  /// - Throws: `roleNotFound`; `roleInUse` when something is granted to it and `force` is not set, or always for the
  ///   two roles that are always there.
  public mutating func removeRole(_ name: String, force: Bool) throws(MoultError) {
    try requireRole(name)
    guard name != Self.administrators, name != Self.everyone else {
      throw MoultError(.roleInUse, "the role '\(name)' is always there")
    }
    guard force || roles[name]?.grants.isEmpty == true else {
      throw MoultError(.roleInUse, "privileges are granted to role '\(name)'; revoke them first")
    }
    roles[name] = nil
    for user in users.keys { users[user]?.roles.removeAll { $0 == name } }
  }

  /// What is granted already stays as it is.
  ///
  /// - Throws: `roleNotFound`; `invalidArgument` when there are too many.
  public mutating func grant(_ grant: Grant, to role: String) throws(MoultError) {
    try requireRole(role)
    guard let grants = roles[role]?.grants, !grants.contains(where: { $0.isSame(grant) }) else { return }
    try requireRoom(grants.count, "grants of role '\(role)'")
    roles[role]?.grants.append(grant)
  }

  /// What is not granted is no failure.
  ///
  /// - Throws: `roleNotFound`.
  public mutating func revoke(_ grant: Grant, from role: String) throws(MoultError) {
    try requireRole(role)
    roles[role]?.grants.removeAll { $0.isSame(grant) }
  }

  // MARK: Groups of privileges

  /// - Throws: `invalidArgument` for a name that is taken, or when there are too many.
  public mutating func addGroup(_ name: String) throws(MoultError) {
    guard groups[name] == nil else {
      throw MoultError(.invalidArgument, "privilege group name [\(name)] is defined by users")
    }
    try requireRoom(groups.count, "privilege groups")
    privilegeGroups = groups.merging([name: []]) { $1 }
  }

  /// One that is not there is no failure.
  ///
  /// - Throws: `invalidArgument` for one that is granted to a role.
  public mutating func removeGroup(_ name: String) throws(MoultError) {
    guard groups[name] != nil else { return }
    if let role = grants(ofGroup: name).keys.sorted().first {
      throw MoultError(
        .invalidArgument,
        "privilege group [\(name)] is used by role [\(role)], Use REVOKE API to revoke it first")
    }
    privilegeGroups?[name] = nil
  }

  /// Whoever has the group granted may do more, or less, at once.
  ///
  /// - Throws: `invalidArgument` for a group that is not there, or when there are too many privileges.
  public mutating func setGroup(_ name: String, _ privileges: Set<String>) throws(MoultError) {
    guard groups[name] != nil else {
      throw MoultError(
        .invalidArgument, "there is no privilege group name [\(name)] defined in system to operate")
    }
    guard privileges.count <= Self.countMax else {
      throw MoultError(
        .invalidArgument,
        "privilege group [\(name)] would have \(privileges.count) privileges; it may have \(Self.countMax)")
    }
    privilegeGroups?[name] = privileges.sorted()
  }

  /// By role, where there are any.
  public func grants(ofGroup name: String) -> [String: [Grant]] {
    roles.mapValues { $0.grants.filter { $0.privilege == name } }.filter { !$0.value.isEmpty }
  }

  // MARK: Checks

  private func requireUser(_ name: String) throws(MoultError) {
    guard users[name] == nil else { return }
    throw MoultError(.userNotFound, "there is no user '\(name)'")
  }

  private func requireRole(_ name: String) throws(MoultError) {
    guard roles[name] == nil else { return }
    throw MoultError(.roleNotFound, "there is no role '\(name)'")
  }

  private func requireRoom(_ count: Int, _ what: String) throws(MoultError) {
    guard count >= Self.countMax else { return }
    throw MoultError(.invalidArgument, "there are \(count) \(what), as many as there can be")
  }
}

/// What is kept of a password: nothing that it could be read from.
public struct PasswordHash: Sendable, Codable, Equatable {
  /// Random, of this password alone.
  public var salt: [UInt8]
  public var hash: [UInt8]
  /// Repetitions that the hash took, which make guesses slow.
  public var rounds: Int

  public init(salt: [UInt8], hash: [UInt8], rounds: Int) {
    self.salt = salt
    self.hash = hash
    self.rounds = rounds
  }
}
