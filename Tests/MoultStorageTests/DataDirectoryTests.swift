import Foundation
import GRDB
import MoultModel
import Testing

@testable import MoultStorage

@Suite("DataDirectory")
struct DataDirectoryTests {
  private let schema = CollectionSchema(dimension: 4)
  private let pattern = PatternRows(rowStride: 16, sideStride: 0)

  /// A collection with a sealed and a growing segment, an encoder, codes and a graph.
  private func fill(_ directory: DataDirectory) throws -> [SegmentRecord] {
    try directory.write { db in
      let catalog = directory.catalog
      let (collection, generation) = try catalog.insertCollection(
        name: "c", schema: schema, specification: EncodingSpecification(quantization: .int8), in: db)
      let encoder = FileNames.encoder(collection: collection.id, generation: generation.id)
      _ = try [1, 2, 3].withUnsafeBytes {
        try SegmentWriter.write(
          $0, to: directory.absolutePath(encoder), kind: .encoder,
          identity: SegmentIdentity(collectionID: collection.id, generationID: generation.id))
      }
      try catalog.updateGeneration(generation.id, encoderFile: encoder, in: db)
      let segments = try (0..<2).map {
        try catalog.insertSegment(collection: collection.id, firstRow: $0 * 8, rowCapacity: 8, in: db)
      }
      for segment in segments {
        let growing = try GrowingSegment(
          creating: directory.absolutePath(segment.file), identity: segment.identity, rowCapacity: 8,
          rowStride: 16)
        try pattern.append(0..<8, to: growing, at: 0)
        try growing.sync()
        guard segment == segments[0] else { continue }
        _ = try growing.seal(count: 8)
        let codes = FileNames.codes(
          collection: collection.id, segment: segment.id, generation: generation.id)
        let graph = FileNames.graph(
          collection: collection.id, segment: segment.id, generation: generation.id)
        let identity = segment.identity(inGeneration: generation.id)
        let writer = try SegmentWriter(
          path: directory.absolutePath(codes), kind: .codes, identity: identity, rowCount: 8, rowStride: 16)
        try pattern.append(0..<8, to: writer)
        try writer.finish()
        _ = try [9, 9].withUnsafeBytes {
          try SegmentWriter.write(
            $0, to: directory.absolutePath(graph), kind: .graph, identity: segment.identity)
        }
        try catalog.sealSegment(segment.id, rowCount: 8, in: db)
        try catalog.recordCodes(
          generation: generation.id, segment: segment.id, codesFile: codes, graphFile: graph, in: db)
      }
      try catalog.updateSegment(segments[1].id, rowCount: 5, in: db)
      try catalog.advance(collection: collection.id, rows: 13, in: db)
      return segments
    }
  }

  @Test("what was committed is there after opening again")
  func reopen() throws {
    try withTemporaryDirectory { parent in
      let path = parent + "/deep/data"
      let before = try {
        let directory = try DataDirectory(path: path)
        defer { directory.close() }
        _ = try fill(directory)
        return try directory.read { try directory.catalog.collections(in: $0) }
      }()
      let directory = try DataDirectory(path: path)
      #expect(try directory.read { try directory.catalog.collections(in: $0) } == before)
      #expect(directory.check(deep: true).problems == [])
    }
  }

  @Test("commits are synced, foreign keys are on, WAL is in use")
  func pragmas() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      let values = try directory.write { db in
        try ["synchronous", "foreign_keys", "journal_mode"].map { name in
          try String.fetchOne(db, sql: "PRAGMA \(name)")
        }
      }
      #expect(values == ["2", "1", "wal"])
    }
  }

  @Test("a second opening is refused and names the process; after closing it succeeds")
  func lock() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      #expect(code { _ = try DataDirectory(path: path) } == .dataDirectoryInUse)
      #expect(message { _ = try DataDirectory(path: path) }.contains("in use by process \(getpid())"))
      directory.close()
      directory.close()
      try DataDirectory(path: path).close()
    }
  }

  @Test("a lock held by another process is respected, and given back by its death")
  func lockOfAnotherProcess() throws {
    try withTemporaryDirectory { path in
      let holder = Process()
      holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
      holder.arguments = [path + "/LOCK", "sh", "-c", "echo held; exec cat"]
      let input = Pipe()
      let output = Pipe()
      holder.standardInput = input
      holder.standardOutput = output
      try holder.run()
      #expect(output.fileHandleForReading.readData(ofLength: 5) == Data("held\n".utf8))
      #expect(code { _ = try DataDirectory(path: path) } == .dataDirectoryInUse)
      try input.fileHandleForWriting.close()
      holder.waitUntilExit()
      try DataDirectory(path: path).close()
    }
  }

  @Test("a directory of format 1 is raised, with its segments as they were")
  func olderVersion() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      let before = try directory.write { db in
        let (collection, _) = try directory.catalog.insertCollection(
          name: "old", schema: CollectionSchema(dimension: 4), specification: EncodingSpecification(), in: db)
        _ = try directory.catalog.insertSegment(
          collection: collection.id, firstRow: 0, rowCapacity: 8, in: db)
        return try directory.catalog.segments(of: collection.id, in: db)
      }
      directory.close()
      try DatabaseFixture.makePlain(
        path,
        alter: """
          ALTER TABLE segments DROP COLUMN rows_file;
          ALTER TABLE segments DROP COLUMN row_span;
          DROP TABLE vector_checksums;
          DROP TABLE history;
          DELETE FROM grdb_migrations WHERE identifier IN ('catalog-2', 'catalog-3', 'catalog-4');
          UPDATE meta SET value = '1' WHERE name = 'format_version';
          """)
      let raised = try DataDirectory(path: path)
      let (after, version) = try raised.read { db in
        (
          try raised.catalog.segments(of: before[0].collectionID, in: db),
          try String.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'format_version'")
        )
      }
      #expect(after == before)
      #expect(version == "6")
      #expect(try raised.read { db in try raised.catalog.history(limit: 10, in: db) }.isEmpty)
      raised.close()
    }
  }

  @Test("a directory of a newer Moult is refused, unchanged, and says what to do")
  func newerVersion() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      try directory.write { try $0.execute(sql: "UPDATE meta SET value = '8'") }
      directory.close()
      let text = message { _ = try DataDirectory(path: path) }
      #expect(text.contains("newer Moult (format 8, this one reads up to 7)"))
      #expect(text.contains("Use the newer Moult"))
      #expect(code { _ = try DataDirectory(path: path) } == .unsupportedVersion)
    }
  }

  @Test("a file that is no database is damage")
  func foreignDatabase() throws {
    try withTemporaryDirectory { path in
      try writeFile([UInt8](repeating: 65, count: 8192), path + "/moult.sqlite")
      #expect(code { _ = try DataDirectory(path: path) } == .corrupted)
    }
  }

  @Test("the sweep removes what the catalog does not name, and nothing else")
  func sweep() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      _ = try fill(directory)
      let collection = try directory.fileSystem.list(path + "/collections/1")
      let orphans = [
        "collections/1/generation-9.encoder", "collections/1/segment-1.generation-9.codes.partial",
        "collections/1/segment-9.vectors", "collections/7/segment-8.vectors",
      ]
      try directory.fileSystem.makeDirectory(path + "/collections/7")
      for orphan in orphans { try writeFile([1], directory.absolutePath(orphan)) }
      try writeFile([1], path + "/collections/1/notes.txt")

      #expect(directory.check(deep: false).orphans == orphans)
      #expect(try directory.sweepOrphans() == orphans)
      #expect(try directory.sweepOrphans() == [])
      #expect(try directory.fileSystem.list(path + "/collections") == ["1"])
      #expect(
        try directory.fileSystem.list(path + "/collections/1") == ["generation-1.encoder", "notes.txt"]
          + collection.dropFirst())
      #expect(directory.check(deep: true).isSound)
    }
  }

  @Test("files of a dropped collection go")
  func removeCollection() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      _ = try fill(directory)
      try directory.write { try directory.catalog.deleteCollection(1, in: $0) }
      try directory.removeFiles(ofCollection: 1)
      try directory.removeFiles(ofCollection: 1)
      #expect(try directory.fileSystem.list(path + "/collections") == [])
      #expect(directory.check(deep: true).isSound)
    }
  }

  @Test("the check names every file that is missing, cut, or flipped")
  func check() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      let segments = try fill(directory)
      let sound = directory.check(deep: true)
      #expect(sound.isSound && sound.fileCount == 5 && sound.byteCount > 5 * 4096)

      let names = try directory.fileSystem.list(path + "/collections/1").map { "collections/1/\($0)" }
      #expect(names.count == 5)
      for name in names {
        let file = directory.absolutePath(name)
        let bytes = try readFile(file)
        try FileManager.default.removeItem(atPath: file)
        #expect(directory.check(deep: false).problems.map(\.path) == [name])
        try writeFile(Array(bytes[..<4096]), file)
        #expect(directory.check(deep: false).problems.map(\.path) == [name])
        var flipped = bytes
        flipped[4096] ^= 1
        try writeFile(flipped, file)
        #expect(directory.check(deep: false).isSound)
        // Rows of a growing segment have no checksum yet.
        let found = directory.check(deep: true).problems.map(\.path)
        #expect(found == (name == segments[1].file ? [] : [name]))
        try writeFile(bytes, file)
      }
      #expect(directory.check(deep: true).isSound)
    }
  }

  @Test("the check compares the catalog with itself and with the files")
  func checkCatalog() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      let segments = try fill(directory)
      try directory.write { try $0.execute(sql: "UPDATE collections SET next_row = 3") }
      #expect(directory.check(deep: false).problems.map(\.path) == [directory.databasePath])
      try directory.write { db in
        try db.execute(sql: "UPDATE collections SET next_row = 13")
        try db.execute(sql: "UPDATE segments SET row_count = 7 WHERE id = ?", arguments: [segments[0].id])
      }
      let found = directory.check(deep: false).problems
      #expect(found.count == 2 && found.allSatisfy { $0.message.contains("expected 7 as in the catalog") })
    }
  }

  @Test("a segment that a batch added before it was killed, empty and ahead of the rows, is sound")
  func emptySegmentAhead() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      _ = try fill(directory)
      // 13 rows are given out; those up to 16 were to go to the segment before.
      try directory.write { db in
        let segment = try directory.catalog.insertSegment(collection: 1, firstRow: 16, rowCapacity: 8, in: db)
        _ = try GrowingSegment(
          creating: directory.absolutePath(segment.file), identity: segment.identity, rowCapacity: 8,
          rowStride: 16)
      }
      #expect(directory.check(deep: true).problems.map(\.message) == [])
    }
  }

  @Test("a write that fails changes nothing")
  func rollsBack() throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      struct Stop: Error {}
      #expect(throws: Stop.self) {
        try directory.write { db in
          _ = try directory.catalog.insertCollection(
            name: "c", schema: schema, specification: EncodingSpecification(), in: db)
          throw Stop()
        }
      }
      #expect(try directory.read { try directory.catalog.collections(in: $0) } == [])
      #expect(try !directory.read { try $0.tableExists("points_1") })
    }
  }
}
