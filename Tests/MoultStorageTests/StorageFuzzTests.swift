import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// R9: bytes of any kind where storage reads: never a trap, always a `MoultError`, never longer than a second.
@Suite("R9: fuzzing what storage reads")
struct StorageFuzzTests {
  private static func isExpected(_ error: any Error) -> Bool {
    guard let error = error as? MoultError else { return false }
    return [.corrupted, .unsupportedVersion].contains(error.code)
  }

  private static func header() -> [UInt8] {
    SegmentHeader(
      kind: .codes, identity: SegmentIdentity(collectionID: 1, generationID: 2, segmentID: 3, firstRow: 4),
      rowCapacity: 10, rowStride: 48, sideStride: 8
    ).sealed(rowCount: 10, payloadChecksum: 5).encoded()
  }

  @Test("segment headers, half of them behind a right checksum")
  func headers() {
    let fuzzer = ByteFuzzer(seed: 91, corpus: [Self.header()], words: ["MOULTSEG"])
    var count = 0
    let outcome = FuzzOutcome.run(fuzzer, isExpected: Self.isExpected) { bytes in
      count += 1
      var bytes = Array((bytes + [UInt8](repeating: 0, count: 256)).prefix(256))
      if count % 2 == 0 {
        let checksum = bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[..<252])) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(252..<256, with: $0) }
      }
      _ = try SegmentHeader(decoding: bytes, byteCount: 256, path: "x")
    }
    #expect(outcome.faults == [] && outcome.inputs > 100)
    Figures.note("R9", "segment headers", outcome.inputs, "faults", outcome.faults.count)
  }

  @Test("whole segment files")
  func files() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.codes"
      let pattern = PatternRows(rowStride: 16, sideStride: 4)
      let writer = try SegmentWriter(
        path: path, kind: .codes, identity: SegmentIdentity(collectionID: 1), rowCount: 20, rowStride: 16,
        sideStride: 4)
      try pattern.append(0..<20, to: writer)
      _ = try writer.finish()
      let sound = try readFile(path)
      let outcome = FuzzOutcome.run(
        ByteFuzzer(seed: 92, corpus: [sound]), isExpected: Self.isExpected
      ) { bytes in
        try writeFile(bytes, path)
        try SegmentFile(path: path, kind: .codes).verify()
        // What is accepted is what was written.
        if bytes != sound { throw MoultError(.internalError, "other bytes passed") }
      }
      #expect(outcome.faults == [] && outcome.inputs > 100)
      Figures.note("R9", "segment files", outcome.inputs, "faults", outcome.faults.count)
    }
  }

  @Test("rows of the catalog")
  func catalogRows() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      defer { directory.close() }
      let catalog = directory.catalog
      let (collection, segment) = try directory.write { db in
        let made = try catalog.insertCollection(
          name: "c", schema: CollectionSchema(dimension: 4),
          specification: EncodingSpecification(index: .hnsw(m: 8, efConstruction: 40)), in: db)
        return (
          made.collection.id,
          try catalog.insertSegment(collection: made.collection.id, firstRow: 0, rowCapacity: 9, in: db).id
        )
      }
      let texts = try directory.read { db in
        (
          try String.fetchOne(db, sql: "SELECT schema FROM collections")!,
          try String.fetchOne(db, sql: "SELECT specification FROM generations")!
        )
      }
      let fuzzer = ByteFuzzer(
        seed: 93, corpus: [Array(texts.0.utf8), Array(texts.1.utf8)], words: ["hnsw", "null", "1e999", "-1"])
      struct Undone: Error {}
      let outcome = FuzzOutcome.run(fuzzer, isExpected: { Self.isExpected($0) || $0 is Undone }) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let number = bytes.reduce(Int64(0)) { $0 &* 31 &+ Int64($1) }
        // Rolled back again, so that each input meets a sound catalog.
        try directory.write { db in
          try db.execute(sql: "UPDATE collections SET schema = ?", arguments: [text])
          try db.execute(
            sql: "UPDATE generations SET specification = ?, report = ?", arguments: [text, text])
          try db.execute(
            sql: "INSERT INTO vector_checksums VALUES (?, ?, ?, ?)",
            arguments: [segment, abs(number % 100), 1 + abs(number % 7), number])
          defer { _ = try? catalog.checksums(of: segment, rowCount: 9, in: db) }
          _ = try? catalog.collections(in: db)
          do { _ = try catalog.collection(collection, in: db) } catch {
            guard Self.isExpected(error) else { throw error }
          }
          do { _ = try catalog.generations(of: collection, in: db) } catch {
            guard Self.isExpected(error) else { throw error }
          }
          throw Undone()
        }
      }
      #expect(outcome.faults == [] && outcome.inputs > 100)
      Figures.note("R9", "catalog rows", outcome.inputs, "faults", outcome.faults.count)
    }
  }

  @Test("control: a parser that trusts a length, and one that never ends, are found out", .tags(.control))
  func control() {
    struct OutOfBounds: Error {}
    let corpus = [[UInt8](repeating: 4, count: 40)]
    let trusting = FuzzOutcome.run(
      ByteFuzzer(seed: 94, corpus: corpus), seconds: 0.2, isExpected: Self.isExpected
    ) { bytes in
      guard let length = bytes.first else { throw MoultError(.corrupted, "empty") }
      if Int(length) > bytes.count { throw OutOfBounds() }
    }
    #expect(!trusting.faults.isEmpty)
    let endless = FuzzOutcome.run(
      ByteFuzzer(seed: 94, corpus: corpus), seconds: 0, inputsMin: 1, isExpected: Self.isExpected
    ) { _ in
      let start = FuzzOutcome.processorSeconds()
      while FuzzOutcome.processorSeconds() < start + 1.1 {}
    }
    #expect(!endless.faults.isEmpty)
  }
}
