import Foundation
import Testing

@testable import MoultFiles

/// The bundled sample: 10 000 × 384 embeddings as float16, their payload, queries and neighbours.
@Suite("the sample data")
struct SampleDataTests {
  static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Examples/data/wordnet-10k").path

  @Test("vectors come back bit for bit", arguments: ["base.npy", "queries.npy", "gt_scores.npy"])
  func vectors(name: String) throws {
    let scratch = try ScratchDirectory()
    let file = try VectorFile(path: Self.folder + "/" + name)
    let writer = try VectorFileWriter(
      path: scratch.path(name), elementType: file.elementType, dimension: file.dimension)
    for start in stride(from: 0, to: file.rowCount, by: 1_000) {
      try writer.append(try file.readRows(start..<min(file.rowCount, start + 1_000)))
    }
    try writer.close()
    let original = try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + name))
    #expect(try scratch.bytes(name) == [UInt8](original))
  }

  @Test("payloads are one object a row and come back byte for byte")
  func payloads() throws {
    let scratch = try ScratchDirectory()
    let original = try JSONLinesTests.lines(Self.folder + "/payload.jsonl.gz")
    #expect(original.count == 10_000)
    for name in ["a.jsonl", "a.jsonl.gz"] {
      let writer = try JSONLinesWriter(path: scratch.path(name))
      for line in original { try writer.append(line) }
      try writer.close()
      #expect(try JSONLinesTests.lines(scratch.path(name)) == original)
    }
  }

  @Test("neighbours are row numbers, a hundred a query")
  func neighbours() throws {
    let file = try NeighbourFile(path: Self.folder + "/gt.npy")
    #expect(file.rowCount == 200)
    #expect(file.columnCount == 100)
    let rows = try file.readRows(0..<200)
    #expect(rows.allSatisfy { (0..<10_000).contains($0) })
  }
}
