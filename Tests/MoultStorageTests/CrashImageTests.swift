import Foundation
import GRDB
import MoultModel
import Testing

@testable import MoultStorage

@Suite("Crash images")
struct CrashImageTests {
  /// What `kill -9` leaves is what the files hold at that moment: SQLite's WAL is not checkpointed, the
  /// growing segment has rows past the committed count.
  @Test("a copy of the files taken at any moment opens with everything that was committed")
  func copies() throws {
    try withTemporaryDirectory { parent in
      let pattern = PatternRows(rowStride: 16, sideStride: 4)
      let directory = try DataDirectory(path: parent + "/data")
      let catalog = directory.catalog
      let (collection, segment) = try directory.write { db in
        let collection = try catalog.insertCollection(
          name: "c", schema: CollectionSchema(dimension: 4), specification: EncodingSpecification(), in: db
        ).collection
        return (
          collection,
          try catalog.insertSegment(collection: collection.id, firstRow: 0, rowCapacity: 20, in: db)
        )
      }
      let growing = try GrowingSegment(
        creating: directory.absolutePath(segment.file), identity: segment.identity, rowCapacity: 20,
        rowStride: 16, sideStride: 4)
      let points = PointStore(collectionID: collection.id, keyKind: .int64)

      for row in 0..<20 {
        try pattern.append(row..<row + 1, to: growing, at: row)
        try growing.sync()
        try requireCommitted(row, parent, "row \(row) written")
        try directory.write { db in
          let sequence = try catalog.advance(collection: collection.id, rows: 1, in: db)
          try catalog.updateSegment(segment.id, rowCount: row + 1, in: db)
          _ = try points.insert(
            firstRow: Int64(row), ids: [.int64(Int64(row))], sequence: sequence, replaceExisting: true, in: db
          )
        }
        try requireCommitted(row + 1, parent, "row \(row) committed")
      }
      _ = try growing.seal(count: 20)
      try requireCommitted(20, parent, "sealed, but not in the catalog")
    }
  }

  private func requireCommitted(_ count: Int, _ parent: String, _ comment: Comment) throws {
    let copy = parent + "/copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.copyItem(atPath: parent + "/data", toPath: copy)
    try FileManager.default.removeItem(atPath: copy + "/moult.sqlite-shm")
    let directory = try DataDirectory(path: copy)
    defer { directory.close() }
    #expect(try directory.sweepOrphans() == [], comment)
    #expect(directory.check(deep: true).problems == [], comment)
    let segment = try directory.read { try directory.catalog.segment(1, in: $0) }
    #expect(segment.rowCount == count, comment)
    let growing = try GrowingSegment(
      opening: directory.absolutePath(segment.file), identity: segment.identity, rowCount: count)
    #expect(growing.rowBytes(count) == PatternRows(rowStride: 16, sideStride: 4).rows(0..<count), comment)
    let points = PointStore(collectionID: 1, keyKind: .int64)
    #expect(try directory.read { try points.liveCount(in: $0) } == count, comment)
  }
}
