import GRDB
import MoultModel
import Testing

@testable import MoultStorage

@Suite("Catalog")
struct CatalogTests {
  private let schema = CollectionSchema(dimension: 384, metric: .innerProduct, keyKind: .string, summary: "s")
  private let int8 = EncodingSpecification(
    quantization: .int8, dimensions: 128, transform: .pca, index: .hnsw(m: 8, efConstruction: 64),
    oversampling: 3)

  private func withCatalog(_ body: (Catalog, Database) throws -> Void) throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path, catalog: Catalog(now: { 1_700_000_000_123 }))
      defer { directory.close() }
      try directory.write { try body(directory.catalog, $0) }
    }
  }

  private func insert(
    _ name: String, _ catalog: Catalog, _ db: Database, state: CollectionRecord.State = .live
  ) throws -> CollectionRecord {
    try catalog.insertCollection(
      name: name, schema: schema, specification: EncodingSpecification(), state: state, in: db
    ).collection
  }

  @Test("a collection is read back as it was inserted, with a live generation")
  func insertCollection() throws {
    try withCatalog { catalog, db in
      let (collection, generation) = try catalog.insertCollection(
        name: "words", schema: schema, specification: int8, in: db)
      #expect(collection.schema == schema && collection.state == .live)
      #expect(collection.nextRow == 0 && collection.nextSequence == 1)
      #expect(collection.currentGeneration == generation.id && collection.previousGeneration == nil)
      #expect(collection.createdAt == 1_700_000_000_123)
      #expect(generation.specification == int8 && generation.state == .live)
      #expect(generation.publishedAt == 1_700_000_000_123)
      #expect(try catalog.collection(named: "words", in: db) == collection)
      #expect(try catalog.collection(named: "WORDS", in: db) == nil)
      #expect(try catalog.collections(in: db) == [collection])
      #expect(try catalog.generations(of: collection.id, in: db) == [generation])
    }
  }

  @Test("one name means one thing: collection or alias")
  func names() throws {
    try withCatalog { catalog, db in
      let a = try insert("a", catalog, db)
      let b = try insert("b", catalog, db)
      #expect(code { _ = try insert("a", catalog, db) } == .collectionExists)
      try catalog.setAlias("x", to: a.id, in: db)
      #expect(code { _ = try insert("x", catalog, db) } == .nameConflict)
      #expect(code { try catalog.setAlias("b", to: a.id, in: db) } == .nameConflict)
      #expect(code { try catalog.setAlias("y", to: 99, in: db) } == .collectionNotFound)
      try catalog.setAlias("x", to: b.id, in: db)
      #expect(try catalog.aliases(in: db) == [AliasRecord(name: "x", collectionID: b.id)])
      #expect(try catalog.alias(named: "x", in: db)?.collectionID == b.id)
      try catalog.deleteAlias("x", in: db)
      #expect(code { try catalog.deleteAlias("x", in: db) } == .aliasNotFound)
    }
  }

  @Test("rows and sequences are given out once")
  func advance() throws {
    try withCatalog { catalog, db in
      let id = try insert("a", catalog, db).id
      #expect(try catalog.advance(collection: id, rows: 10, in: db) == 1)
      #expect(try catalog.advance(collection: id, rows: 0, sequences: 3, in: db) == 2)
      #expect(try catalog.advance(collection: id, rows: 5, in: db) == 5)
      let collection = try catalog.collection(id, in: db)
      #expect(collection.nextRow == 15 && collection.nextSequence == 6)
      #expect(code { try catalog.advance(collection: 77, rows: 1, in: db) } == .collectionNotFound)
    }
  }

  @Test("a dropped collection leaves no row and no table; its numbers are not used again")
  func deleteCollection() throws {
    try withCatalog { catalog, db in
      let first = try insert("a", catalog, db)
      let kept = try insert("b", catalog, db)
      let segment = try catalog.insertSegment(collection: first.id, firstRow: 0, rowCapacity: 10, in: db)
      let next = try catalog.insertGeneration(collection: first.id, specification: int8, in: db)
      try catalog.recordCodes(
        generation: next.id, segment: segment.id, codesFile: "c", graphFile: nil, in: db)
      _ = try catalog.publishGeneration(next.id, of: first.id, in: db)
      try catalog.setAlias("x", to: first.id, in: db)

      #expect(message { try catalog.deleteCollection(first.id, in: db) }.contains("aliases (x)"))
      try catalog.deleteAlias("x", in: db)
      try catalog.deleteCollection(first.id, in: db)

      #expect(try catalog.collections(in: db).map(\.id) == [kept.id])
      #expect(try !db.tableExists("points_\(first.id)") && db.tableExists("points_\(kept.id)"))
      for table in ["segments", "generation_segments"] {
        #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") == 0)
      }
      #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM generations") == 1)
      let again = try catalog.insertCollection(
        name: "a", schema: schema, specification: int8, in: db)
      #expect(again.collection.id > kept.id && again.generation.id > next.id)
      #expect(code { try catalog.deleteCollection(first.id, in: db) } == .collectionNotFound)
    }
  }

  @Test("segments are listed by rows and end as they were told")
  func segments() throws {
    try withCatalog { catalog, db in
      let id = try insert("a", catalog, db).id
      let late = try catalog.insertSegment(collection: id, firstRow: 100, rowCapacity: 50, in: db)
      let early = try catalog.insertSegment(collection: id, firstRow: 0, rowCapacity: 100, in: db)
      #expect(late.file == "collections/\(id)/segment-\(late.id).vectors")
      try catalog.updateSegment(early.id, rowCount: 30, in: db)
      try catalog.sealSegment(late.id, rowCount: 50, in: db)
      let segments = try catalog.segments(of: id, in: db)
      #expect(segments.map(\.id) == [early.id, late.id])
      #expect(segments.map(\.rowCount) == [30, 50] && segments.map(\.state) == [.growing, .sealed])
      #expect(segments.map(\.rows) == [0..<30, 100..<150])
      #expect(code { try catalog.updateSegment(99, rowCount: 1, in: db) } == .internalError)
      #expect(throws: (any Error).self) {
        try catalog.insertSegment(collection: id, firstRow: 0, rowCapacity: 1, in: db)
      }
      #expect(throws: (any Error).self) { try catalog.updateSegment(early.id, rowCount: 101, in: db) }
    }
  }

  @Test("files of a generation are recorded by segment and given back when it is deleted")
  func codes() throws {
    try withCatalog { catalog, db in
      let collection = try insert("a", catalog, db)
      let segments = try (0..<2).map {
        try catalog.insertSegment(collection: collection.id, firstRow: $0 * 10, rowCapacity: 10, in: db)
      }
      let generation = try catalog.insertGeneration(
        collection: collection.id, specification: int8, in: db)
      #expect(generation.state == .building && generation.publishedAt == nil)
      let id = generation.id
      try catalog.updateGeneration(id, encoderFile: "e", in: db)
      try catalog.updateGeneration(id, report: "{\"recall\":1}", in: db)
      try catalog.recordCodes(
        generation: id, segment: segments[0].id, codesFile: "old", graphFile: nil, in: db)
      try catalog.recordCodes(
        generation: id, segment: segments[0].id, codesFile: "c0", graphFile: "g0", in: db)
      try catalog.recordCodes(
        generation: id, segment: segments[1].id, codesFile: nil, graphFile: "g1", in: db)
      let built = try catalog.generationSegments(of: id, in: db)
      #expect(built.map(\.codesFile) == ["c0", nil] && built.map(\.graphFile) == ["g0", "g1"])
      #expect(try catalog.generation(id, in: db).encoderFile == "e")
      #expect(try catalog.generation(id, in: db).report == "{\"recall\":1}")

      #expect(
        try catalog.deleteSegment(segments[1].id, in: db) == [segments[1].file, "g1"])
      #expect(try catalog.deleteGeneration(id, in: db) == ["c0", "g0", "e"])
      #expect(try catalog.generations(of: collection.id, in: db).count == 1)
      #expect(
        code { _ = try catalog.deleteGeneration(collection.currentGeneration, in: db) } == .internalError)
    }
  }

  @Test("publishing makes the new live and keeps the old for a rollback")
  func publish() throws {
    try withCatalog { catalog, db in
      let collection = try insert("a", catalog, db)
      let first = collection.currentGeneration
      #expect(code { _ = try catalog.rollback(collection.id, in: db) } == .nothingToRollBack)
      let second = try catalog.insertGeneration(collection: collection.id, specification: int8, in: db).id
      let swap = try catalog.publishGeneration(second, of: collection.id, in: db)
      #expect(swap.current.id == second && swap.previous?.id == first && swap.superseded == [])
      #expect(swap.current.state == .live && swap.previous?.state == .retained)
      // Again is the same.
      #expect(try catalog.publishGeneration(second, of: collection.id, in: db) == swap)

      let third = try catalog.insertGeneration(collection: collection.id, specification: int8, in: db).id
      let next = try catalog.publishGeneration(third, of: collection.id, in: db)
      #expect(next.current.id == third && next.previous?.id == second)
      #expect(next.superseded.map(\.id) == [first])
      _ = try catalog.deleteGeneration(first, in: db)
      #expect(try catalog.generations(of: collection.id, in: db).map(\.id) == [second, third])
    }
  }

  @Test("rolling back twice is where one was; without the previous generation there is no way back")
  func rollback() throws {
    try withCatalog { catalog, db in
      let collection = try insert("a", catalog, db)
      let second = try catalog.insertGeneration(collection: collection.id, specification: int8, in: db).id
      let before = try catalog.publishGeneration(second, of: collection.id, in: db)
      let back = try catalog.rollback(collection.id, in: db)
      #expect(back.current.id == collection.currentGeneration && back.previous?.id == second)
      #expect(back.current.state == .live && back.previous?.state == .retained)
      #expect(try catalog.rollback(collection.id, in: db) == before)
      _ = try catalog.deleteGeneration(collection.currentGeneration, in: db)
      #expect(code { _ = try catalog.rollback(collection.id, in: db) } == .nothingToRollBack)
    }
  }

  @Test("the first generation of a collection under construction goes live in place")
  func publishFirst() throws {
    try withCatalog { catalog, db in
      let collection = try insert("a", catalog, db, state: .building)
      let id = collection.currentGeneration
      #expect(try catalog.generation(id, in: db).state == .building)
      let swap = try catalog.publishGeneration(id, of: collection.id, in: db)
      try catalog.setCollectionState(.live, of: collection.id, in: db)
      #expect(swap.current.state == .live && swap.previous == nil && swap.current.publishedAt != nil)
      #expect(try catalog.collection(collection.id, in: db).state == .live)
    }
  }

  @Test("a generation of another collection cannot be published")
  func foreignGeneration() throws {
    try withCatalog { catalog, db in
      let a = try insert("a", catalog, db)
      let b = try insert("b", catalog, db)
      #expect(
        code { _ = try catalog.publishGeneration(b.currentGeneration, of: a.id, in: db) } == .internalError)
    }
  }

  @Test("a schema that cannot be read is damage with its text")
  func damagedSchema() throws {
    try withCatalog { catalog, db in
      _ = try insert("a", catalog, db)
      try db.execute(sql: "UPDATE collections SET schema = '{\"dimension\":'")
      #expect(code { _ = try catalog.collections(in: db) } == .corrupted)
    }
  }
}
