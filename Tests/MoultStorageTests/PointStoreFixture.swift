import GRDB
import MoultModel

@testable import MoultStorage

/// The points of a new collection, none yet.
func makeStore(
  in directory: DataDirectory, name: String = "c", keyKind: CollectionSchema.KeyKind = .int64
) throws -> PointStore {
  try directory.write { db in
    let made = try directory.catalog.insertCollection(
      name: name, schema: CollectionSchema(dimension: 4, keyKind: keyKind),
      specification: EncodingSpecification(), in: db)
    return PointStore(collectionID: made.collection.id, keyKind: keyKind)
  }
}

/// The same in a directory of its own.
func withStore(
  _ keyKind: CollectionSchema.KeyKind = .int64, _ body: (PointStore, DataDirectory) throws -> Void
) throws {
  try withTemporaryDirectory { path in
    let directory = try DataDirectory(path: path)
    defer { directory.close() }
    try body(makeStore(in: directory, keyKind: keyKind), directory)
  }
}

/// Points 0, 1, … with these payloads, within one transaction.
func withStore(_ payloads: [String], _ body: (PointStore, Database) throws -> Void) throws {
  try withStore { (store, directory) throws in
    try directory.write { db in
      _ = try store.insert(
        firstRow: 0, ids: payloads.indices.map { .int64(Int64($0)) }, payloads: payloads, sequence: 1,
        replaceExisting: false, in: db)
      try body(store, db)
    }
  }
}
