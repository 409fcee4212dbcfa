import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Dropping what cannot be opened")
struct DamagedDropTests {
  @Test("a collection whose files are damaged can be dropped, and its name used again")
  func drop() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 500)
    try await harness.importSample("words", rows: 1_200)
    try await harness.shutDown()
    let folder = directory.path + "/collections/1"
    let file = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".vectors") }.min())
    var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)"))
    bytes[0] ^= 0xff
    try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(file)"))

    harness = try await EngineHarness(directory: directory, segmentRowsMax: 500)
    #expect { _ = try harness.engine.describeCollection("words") } throws: {
      ($0 as? MoultError)?.code == .corrupted
    }
    try await harness.engine.dropCollection("words")
    #expect(!harness.engine.hasCollection("words"))
    #expect(!FileManager.default.fileExists(atPath: folder))
    try await harness.importSample("words", rows: 300)
    #expect(try harness.engine.describeCollection("words").count == 300)
    try await harness.shutDown()
  }
}
