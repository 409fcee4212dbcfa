internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Users beside the holders of the server's tokens.
extension MilvusOperations {
  /// Their names; `root` stands for whoever has the server's own token.
  var users: [String] { [AccessList.root] + engine.whole.accessList.users.keys.sorted() }

  func createUser(_ name: String, password: String, summary: String) async throws {
    try UserCheck.name(name)
    try UserCheck.password(password)
    // Before the work: it is the commonest mistake.
    guard name != AccessList.root, engine.whole.accessList.users[name] == nil else {
      throw MilvusError(code: MilvusError.Code.unexpected, message: "user already exists: \(name)")
    }
    let hash = try await engine.whole.hash(ofPassword: password)
    do {
      try await engine.whole.changeAccess { try $0.addUser(name, password: hash, summary: summary) }
    } catch let error as MoultError where error.code == .userExists {
      throw MilvusError(code: MilvusError.Code.unexpected, message: "user already exists: \(name)")
    }
  }

  /// Everyone may change his own; the present password is always asked for.
  ///
  /// - Parameter summary: `nil` leaves it.
  func updatePassword(of name: String, from old: String, to new: String, summary: String?) async throws {
    if Caller.current?.user != name { try require("UpdateUser") }
    guard name != AccessList.root else {
      throw MilvusError.invalidParameter(
        "the password of root is the server's token: start the server with another one (--token-file)")
    }
    guard engine.whole.accessList.users[name] != nil else { throw Self.userNotFound(name) }
    if old.isEmpty, new.isEmpty, let summary {
      return try await engine.whole.changeAccess { try $0.setSummary(summary, ofUser: name) }
    }
    try UserCheck.password(new)
    guard try await engine.whole.isPassword(old, of: name) else {
      throw MilvusError.invalidParameter("old password not correct for \(name)")
    }
    let hash = try await engine.whole.hash(ofPassword: new)
    try await engine.whole.changeAccess { list in
      try list.setPassword(hash, of: name)
      if let summary { try list.setSummary(summary, ofUser: name) }
    }
  }

  /// One who is not there is no failure.
  func dropUser(_ name: String) async throws {
    guard name != AccessList.root else { throw MilvusError.notPermitted("root user cannot be deleted") }
    try await engine.whole.changeAccess { $0.removeUser(name) }
  }

  /// - Parameter name: empty for all.
  func describeUsers(_ name: String) throws -> [(name: String, roles: [String], summary: String)] {
    if name.isEmpty || Caller.current?.user != name { try require("SelectUser") }
    let list = engine.whole.accessList
    if name == AccessList.root { return [(name, [AccessList.administrators], "")] }
    if !name.isEmpty {
      guard let user = list.users[name] else { throw Self.userNotFound(name) }
      return [(name, user.roles, user.summary)]
    }
    return [(AccessList.root, [AccessList.administrators], "")]
      + list.users.sorted { $0.key < $1.key }.map { ($0.key, $0.value.roles, $0.value.summary) }
  }

  func setRole(_ role: String, ofUser user: String, _ isGiven: Bool) async throws {
    guard user != AccessList.root else {
      if isGiven { return }
      throw MilvusError.notPermitted("root always has the role admin")
    }
    do {
      try await engine.whole.changeAccess { try $0.setRole(role, ofUser: user, isGiven) }
    } catch let error as MoultError where error.code == .userNotFound {
      throw Self.userNotFound(user)
    } catch let error as MoultError where error.code == .roleNotFound {
      throw Self.roleNotFound()
    }
  }

  private static func userNotFound(_ name: String) -> MilvusError {
    MilvusError(
      code: MilvusError.Code.unexpected,
      message: "not found the user, maybe the user isn't existed or internal system error: \(name)")
  }

  static func roleNotFound() -> MilvusError {
    MilvusError(
      code: MilvusError.Code.unexpected,
      message: "not found the role, maybe the role isn't existed or internal system error")
  }

  /// Passwords travel as base64 in gRPC, and as they are in REST.
  ///
  /// - Throws: 1100.
  static func decodedPassword(_ text: String) throws -> String {
    guard let data = Data(base64Encoded: text), let password = String(validating: data, as: UTF8.self) else {
      throw MilvusError.invalidParameter("decode password failed: expected base64 of UTF-8")
    }
    return password
  }
}

/// The rules for names of users and roles, and for passwords, in Milvus' words.
enum UserCheck {
  static func name(_ name: String) throws { try check(name, "user name", bytesMax: 32) }
  static func role(_ name: String) throws { try check(name, "role name", bytesMax: 255) }

  static func password(_ password: String) throws {
    guard (6...72).contains(password.utf8.count) else {
      throw MilvusError(
        code: MilvusError.Code.invalidParameter,
        message:
          "invalid password length: invalid parameter[\(password.utf8.count) out of range 6 <= value <= 72]")
    }
  }

  private static func check(_ name: String, _ what: String, bytesMax: Int) throws {
    guard let first = name.utf8.first else {
      throw MilvusError.invalidParameter("\(what) should not be empty")
    }
    guard name.utf8.count <= bytesMax else {
      throw MilvusError.invalidParameter(
        "invalid \(what) \(name.prefix(64)), the length of \(what) must be at most \(bytesMax) characters")
    }
    guard isLetter(first) || (first == UInt8(ascii: "_") && what != "user name") else {
      throw MilvusError.invalidParameter(
        "invalid \(what) \(name), the first character must be a letter, but got \(name.prefix(1))")
    }
    guard name.utf8.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) || "_-.".utf8.contains($0) })
    else {
      throw MilvusError.invalidParameter(
        "invalid \(what) \(name), it must contain only letters, digits, underscores, hyphens and dots")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
