internal import Foundation
internal import HTTPTypes
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// Snapshots: backups of Moult, kept beside the data. `moult restore` takes their files, and these take what `moult
/// backup` has made.
extension QdrantOperations {
  /// Of one collection, by name or alias.
  ///
  /// - Parameter name: `nil` for everything.
  /// - Throws: 404.
  private func shelf(_ name: String?) throws -> BackupShelf {
    try name.map { .collection(try describe($0).name) } ?? .everything
  }

  func createSnapshot(of name: String?) async throws -> KeptBackup {
    let shelf = try shelf(name)
    let what = if case .collection(let own) = shelf { String(own.prefix(100)) } else { "full-snapshot" }
    let moment = Date().formatted(.iso8601).dropLast().map { $0 == "T" || $0 == ":" ? "-" : $0 }
    return try await engine.keepBackup(
      on: shelf,
      as:
        "\(what)-\(UInt64.random(in: 1_000_000_000_000_000...9_999_999_999_999_999))-\(String(moment)).snapshot"
    )
  }

  func snapshots(of name: String?) async throws -> [KeptBackup] {
    try await engine.keptBackups(on: try shelf(name))
  }

  /// - Throws: 404.
  func snapshot(_ snapshot: String, of name: String?) async throws -> KeptBackupChunks {
    guard let chunks = try await engine.keptBackup(snapshot, on: try shelf(name)) else {
      throw QdrantError.noSnapshot(snapshot)
    }
    return chunks
  }

  /// - Throws: 404.
  func deleteSnapshot(_ snapshot: String, of name: String?) async throws {
    guard try await engine.removeKeptBackup(snapshot, from: try shelf(name)) else {
      throw QdrantError.noSnapshot(snapshot)
    }
  }

  /// Lets a collection be what it was, or makes it: `{"location", "checksum"}`.
  ///
  /// - Throws: 400 for a place that is not among the snapshots that are kept here, and for another checksum.
  func recover(_ name: String, _ body: QdrantFields) async throws {
    let location = try body.required("location", try body.string("location"))
    guard let place = SnapshotPlace(location) else {
      throw QdrantError.badRequest(
        "location: expected the URL or the file of a snapshot that is kept here, as `…/collections/NAME/snapshots/FILE` or "
          + "`file://…/NAME/FILE`, got `\(location.prefix(500))`; upload others to `…/snapshots/upload`")
    }
    let shelf = BackupShelf.collection(QdrantName.encoded(place.collection))
    guard let chunks = try await engine.keptBackup(place.snapshot, on: shelf) else {
      throw QdrantError.badRequest(
        "no snapshot `\(place.snapshot.prefix(300))` of collection `\(place.collection.prefix(300))` is kept here, and this "
          + "server fetches none; upload it to `…/snapshots/upload`")
    }
    if let wanted = try body.string("checksum") { try Self.require(wanted, chunks.backup.checksum) }
    try await recover(name, from: chunks)
  }

  static func require(_ wanted: String, _ found: String) throws(QdrantError) {
    guard wanted.lowercased() == found else {
      throw .badRequest("Snapshot checksum mismatch: expected \(wanted.prefix(100)), got \(found)")
    }
  }

  /// - Parameter chunks: of a backup of one collection, which takes the place of what is there in one instant.
  func recover<Chunks: AsyncSequence>(_ name: String, from chunks: Chunks) async throws
  where Chunks.Element == [UInt8] {
    try QdrantName.check(collection: name)
    do {
      _ = try await engine.restore(
        chunks, RestoreRequest(name: QdrantName.encoded(name), ifExists: .replace))
    } catch let error as MoultError where error.code == .corrupted {
      throw QdrantError.badRequest("the snapshot cannot be used, nothing was changed: \(error.message)")
    }
  }
}

/// A snapshot as a location names it.
private struct SnapshotPlace {
  var collection: String
  var snapshot: String

  init?(_ location: String) {
    guard let url = URL(string: location), let scheme = url.scheme?.lowercased() else { return nil }
    let parts = url.pathComponents.filter { $0 != "/" }
    switch scheme {
    case "http", "https":
      guard parts.count >= 4, parts[parts.count - 4] == "collections", parts[parts.count - 2] == "snapshots"
      else {
        return nil
      }
      (collection, snapshot) = (parts[parts.count - 3], parts[parts.count - 1])
    case "file":
      guard parts.count >= 2 else { return nil }
      (collection, snapshot) = (parts[parts.count - 2], parts[parts.count - 1])
    default: return nil
    }
  }
}

extension QdrantError {
  fileprivate static func noSnapshot(_ name: String) -> QdrantError {
    .notFound("Snapshot \(name.prefix(300)) not found")
  }
}

extension KeptBackup {
  func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("name", name)
    json.member(
      "creation_time",
      String(Date(timeIntervalSince1970: Double(createdAt) / 1_000).formatted(.iso8601).dropLast()))
    json.member("size", bytes)
    json.member("checksum", checksum)
    json.endObject()
  }
}
