import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("The folder of imports")
struct ImportDirectoryTests {
  @Test("only what lies in it is found, whatever the way there; nothing is said of the rest")
  func inside() throws {
    let temporary = TemporaryDirectory()
    let files = FileManager.default
    let root = temporary.path + "/in"
    try files.createDirectory(atPath: root + "/sub", withIntermediateDirectories: true)
    try files.createDirectory(atPath: root + "side", withIntermediateDirectories: true)
    for name in ["/in/a.json", "/in/sub/b.json", "/out.json", "/inside/c.json"] {
      files.createFile(atPath: temporary.path + name, contents: Data())
    }
    try files.createSymbolicLink(atPath: root + "/near.json", withDestinationPath: root + "/a.json")
    try files.createSymbolicLink(
      atPath: root + "/far.json", withDestinationPath: temporary.path + "/out.json")
    let directory = ImportDirectory(path: root)
    for name in ["a.json", "./a.json", "sub/../a.json", root + "/a.json", "near.json", "sub/b.json"] {
      #expect(
        try directory.resolve(name).hasSuffix(name.hasSuffix("b.json") ? "b.json" : "a.json"), "\(name)")
    }
    for name in [
      "../out.json", temporary.path + "/out.json", "far.json", "none.json", "../inside/c.json", "", "..", ".",
      "/etc/passwd", "a.json\0",
    ] {
      do {
        _ = try directory.resolve(name)
        Issue.record("\(name) was found")
      } catch {
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains("is not in the folder of --import-directory"), "\(error.message)")
      }
    }
    #expect(throws: MoultError.self) { try ImportDirectory(path: nil).resolve("a.json") }
  }
}
