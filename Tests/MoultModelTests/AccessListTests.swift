import Foundation
import MoultModel
import Testing

@Suite("Users and roles")
struct AccessListTests {
  private static let password = PasswordHash(salt: [1], hash: [2], rounds: 3)

  private static func grant(_ privilege: String, _ name: String = "c") -> AccessList.Grant {
    AccessList.Grant(
      object: "Collection", name: name, database: "default", privilege: privilege, grantor: "root")
  }

  private func code(_ body: () throws -> Void) -> MoultError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  @Test("a user has what is granted to his roles and to everyone, and to nobody else's")
  func grants() throws {
    var list = AccessList()
    let common = list.roles[AccessList.everyone]?.grants ?? []
    for user in ["ann", "ben"] { try list.addUser(user, password: Self.password, summary: "") }
    for role in ["reader", "writer"] { try list.addRole(role, summary: "") }
    try list.grant(Self.grant("Query"), to: "reader")
    try list.grant(Self.grant("Insert"), to: "writer")
    try list.setRole("reader", ofUser: "ann", true)
    #expect(list.grants(of: "ann") == [Self.grant("Query")] + common)
    #expect(list.grants(of: "ben") == common)
    #expect(list.grants(of: "nobody").isEmpty)
    try list.setRole("reader", ofUser: "ann", false)
    #expect(list.grants(of: "ann") == common)
  }

  @Test("law: what is granted and revoked, given and taken, made and dropped, leaves things as they were")
  func inverse() throws {
    var list = AccessList()
    try list.addUser("ann", password: Self.password, summary: "")
    try list.addRole("reader", summary: "")
    let before = list
    try list.grant(Self.grant("Query"), to: "reader")
    try list.grant(Self.grant("Query"), to: "reader")
    #expect(list.roles["reader"]?.grants.count == 1)
    try list.setRole("reader", ofUser: "ann", true)
    try list.setRole("reader", ofUser: "ann", true)
    try list.setRole("reader", ofUser: "ann", false)
    try list.revoke(Self.grant("Query"), from: "reader")
    try list.revoke(Self.grant("Query"), from: "reader")
    try list.addUser("ben", password: Self.password, summary: "")
    list.removeUser("ben")
    list.removeUser("ben")
    #expect(list == before)
  }

  @Test("what is always there stays, what is not there is named, what is in use is not dropped")
  func refusals() throws {
    var list = AccessList()
    #expect(list.isAdministrator("root") && !list.isAdministrator("ann"))
    #expect(code { try list.addUser("root", password: Self.password, summary: "") } == .userExists)
    for role in [AccessList.administrators, AccessList.everyone] {
      #expect(code { try list.removeRole(role, force: true) } == .roleInUse)
      #expect(code { try list.addRole(role, summary: "") } == .roleExists)
    }
    #expect(code { try list.setRole("admin", ofUser: "ann", true) } == .userNotFound)
    try list.addUser("ann", password: Self.password, summary: "")
    #expect(code { try list.setRole("none", ofUser: "ann", true) } == .roleNotFound)
    try list.addRole("reader", summary: "")
    try list.setRole("reader", ofUser: "ann", true)
    try list.grant(Self.grant("Query"), to: "reader")
    #expect(code { try list.removeRole("reader", force: false) } == .roleInUse)
    try list.removeRole("reader", force: true)
    #expect(list.users["ann"]?.roles == [])
    for number in list.users.count..<AccessList.countMax {
      try list.addUser("user\(number)", password: Self.password, summary: "")
    }
    #expect(code { try list.addUser("one_more", password: Self.password, summary: "") } == .invalidArgument)
  }

  @Test("groups of privileges come and go; one that is granted stays")
  func groups() throws {
    var list = AccessList()
    try list.addGroup("readers")
    #expect(code { try list.addGroup("readers") } == .invalidArgument)
    #expect(code { try list.setGroup("others", ["Query"]) } == .invalidArgument)
    try list.setGroup("readers", ["Search", "Query"])
    #expect(list.groups == ["readers": ["Query", "Search"]])
    try list.addRole("reader", summary: "")
    try list.grant(Self.grant("readers"), to: "reader")
    #expect(list.grants(ofGroup: "readers") == ["reader": [Self.grant("readers")]])
    #expect(code { try list.removeGroup("readers") } == .invalidArgument)
    try list.revoke(Self.grant("readers"), from: "reader")
    try list.removeGroup("readers")
    try list.removeGroup("readers")
    #expect(list.groups.isEmpty)
    for number in 0..<AccessList.countMax { try list.addGroup("group\(number)") }
    #expect(code { try list.addGroup("one_more") } == .invalidArgument)
    let many = Set((0...AccessList.countMax).map { "p\($0)" })
    #expect(code { try list.setGroup("group1", many) } == .invalidArgument)
  }

  @Test("golden: a list of before there were groups is read, and one without is written as before")
  func withoutGroups() throws {
    let text =
      #"{"roles":{"admin":{"grants":[],"summary":""},"public":{"grants":[],"summary":"x"}},"users":{}}"#
    let list = try JSONDecoder().decode(AccessList.self, from: Data(text.utf8))
    #expect(list.groups.isEmpty && list.roles["public"]?.summary == "x")
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(String(decoding: try encoder.encode(list), as: UTF8.self) == text)
  }
}
