import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Passwords of users")
struct PasswordTests {
  @Test("a password is right, is known afterwards, and is not once it was changed or the user is gone")
  func known() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    let first = try await engine.hash(ofPassword: "correct horse")
    try await engine.changeAccess { try $0.addUser("ann", password: first, summary: "") }
    #expect(engine.isKnownPassword("correct horse", of: "ann") == nil)
    for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
      #expect(try await !engine.isPassword(wrong, of: "ann"), "\(wrong)")
    }
    #expect(try await engine.isPassword("correct horse", of: "ann"))
    #expect(engine.isKnownPassword("correct horse", of: "ann") == true)
    #expect(engine.isKnownPassword("correct hors", of: "ann") == nil)
    #expect(try await !engine.isPassword("correct horse", of: "ben"))

    let second = try await engine.hash(ofPassword: "battery staple")
    try await engine.changeAccess { try $0.setPassword(second, of: "ann") }
    #expect(engine.isKnownPassword("correct horse", of: "ann") == nil)
    #expect(try await !engine.isPassword("correct horse", of: "ann"))
    #expect(try await engine.isPassword("battery staple", of: "ann"))
    try await engine.changeAccess { $0.removeUser("ann") }
    #expect(try await !engine.isPassword("battery staple", of: "ann"))
    try await harness.shutDown()
  }

  @Test("two hashes of one password differ, and none of them is the password")
  func salted() async throws {
    let harness = try await EngineHarness()
    let (one, other) = (
      try await harness.engine.hash(ofPassword: "correct horse"),
      try await harness.engine.hash(ofPassword: "correct horse")
    )
    #expect(one.salt != other.salt && one.hash != other.hash)
    #expect(one.rounds >= 210_000)
    try await harness.shutDown()
  }

  @Test("users survive a restart, and no file holds a password")
  func durable() async throws {
    let first = try await EngineHarness()
    let hash = try await first.engine.hash(ofPassword: "correct horse")
    try await first.engine.changeAccess { list in
      try list.addUser("ann_of_the_files", password: hash, summary: "")
      try list.setRole(AccessList.administrators, ofUser: "ann_of_the_files", true)
    }
    let before = first.engine.accessList
    try await first.shutDown()
    var found = 0
    let root = URL(fileURLWithPath: first.directory.path)
    for case let file as URL in FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)! {
      guard let bytes = try? Data(contentsOf: file) else { continue }
      #expect(bytes.range(of: Data("correct horse".utf8)) == nil, "\(file.path)")
      if bytes.range(of: Data("ann_of_the_files".utf8)) != nil { found += 1 }
    }
    #expect(found > 0)
    let second = try await EngineHarness(directory: first.directory)
    #expect(second.engine.accessList == before)
    #expect(second.engine.accessList.isAdministrator("ann_of_the_files"))
    #expect(try await second.engine.isPassword("correct horse", of: "ann_of_the_files"))
    try await second.shutDown()
  }

  @Test("a change that fails changes nothing")
  func atomic() async throws {
    let harness = try await EngineHarness()
    let hash = PasswordHash(salt: [1], hash: [2], rounds: 3)
    let before = harness.engine.accessList
    await #expect(throws: MoultError.self) {
      try await harness.engine.changeAccess { list in
        try list.addUser("ann", password: hash, summary: "")
        try list.setRole("none", ofUser: "ann", true)
      }
    }
    #expect(harness.engine.accessList == before)
    try await harness.shutDown()
  }
}
