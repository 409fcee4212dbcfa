import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// R9: bytes of any kind where a backup is read: never a trap, always a `MoultError`, never longer than a second.
@Suite("R9: fuzzing backups")
struct BackupFuzzTests {
  private static func isExpected(_ error: any Error) -> Bool {
    guard let error = error as? MoultError else { return false }
    return [.corrupted, .unsupportedVersion].contains(error.code)
  }

  /// A data directory with a sealed and a growing segment, dead rows and every kind of keys.
  private func fill(_ directory: DataDirectory, _ keyKind: CollectionSchema.KeyKind) throws {
    let catalog = directory.catalog
    try directory.write { db in
      let (collection, _) = try catalog.insertCollection(
        name: "c_\(keyKind.rawValue)", schema: CollectionSchema(dimension: 4, keyKind: keyKind),
        specification: EncodingSpecification(), in: db)
      let points = PointStore(collectionID: collection.id, keyKind: keyKind)
      for firstRow in [Int64(0), 10] {
        let segment = try catalog.insertSegment(
          collection: collection.id, firstRow: firstRow, rowCapacity: 10, in: db)
        let pattern = PatternRows(rowStride: 16, sideStride: 4)
        let growing = try GrowingSegment(
          creating: directory.absolutePath(segment.file), identity: segment.identity, rowCapacity: 10,
          rowStride: 16, sideStride: 4)
        let count = firstRow == 0 ? 10 : 6
        try pattern.append(0..<count, to: growing, at: 0)
        try growing.sync()
        if count == 10 {
          _ = try growing.seal(count: count)
          try catalog.sealSegment(segment.id, rowCount: count, in: db)
        } else {
          try catalog.updateSegment(segment.id, rowCount: count, in: db)
        }
        try catalog.record(
          VectorChecksum.of(
            rows: growing.rows, rowStride: 16, side: growing.side, sideStride: 4, count: count, at: 0),
          of: segment.id, in: db)
        let ids = (0..<count).map { Int64($0) + firstRow }
          .map {
            keyKind == .int64 || (keyKind == .mixed && $0 % 2 == 0) ? PointID.int64($0) : .string("k\($0)")
          }
        let sequence = try catalog.advance(collection: collection.id, rows: Int64(count), in: db)
        _ = try points.insert(
          firstRow: firstRow, ids: ids, payloads: ids.map { #"{"id":"\#($0)"}"# }, sequence: sequence,
          replaceExisting: false, in: db)
        _ = try points.delete(ids: [ids[2]], sequence: sequence, in: db)
      }
      try catalog.setAlias("a_\(keyKind.rawValue)", to: collection.id, in: db)
    }
  }

  private func archive(_ directory: DataDirectory) throws -> [UInt8] {
    let source = try BackupSource.pinned(directory)
    var bytes: [UInt8] = []
    while let part = try source.next() { bytes += part }
    return bytes
  }

  private func withArchive(_ body: (DataDirectory, [UInt8]) throws -> Void) throws {
    try withTemporaryDirectory { path in
      let directory = try DataDirectory(path: path)
      defer { directory.close() }
      for kind in CollectionSchema.KeyKind.allCases { try fill(directory, kind) }
      try body(directory, try archive(directory))
      #expect(try directory.stagedBackupFiles() == [])
    }
  }

  @Test("archives")
  func archives() throws {
    try withArchive { _, sound in
      var parts = SeededGenerator(seed: 95)
      let outcome = FuzzOutcome.run(
        ByteFuzzer(seed: 95, corpus: [sound], words: ["manifest.json", "MOULT-END", "MOULT-FAILED"]),
        isExpected: { error in
          // A backup may say of itself that it failed, with any code.
          Self.isExpected(error) || (error as? MoultError)?.code == .internalError
        }
      ) { bytes in
        var decoder = BackupDecoder()
        var rest = bytes[...]
        while !rest.isEmpty {
          let part = rest.prefix(Int.random(in: 1...4_000, using: &parts))
          try part.withUnsafeBytes { try decoder.read($0) }
          rest = rest.dropFirst(part.count)
        }
        _ = try decoder.finish()
        if bytes != sound { throw POSIXError() }
      }
      #expect(outcome.faults == [] && outcome.inputs > 100)
      Figures.note("R9", "backups", outcome.inputs, "faults", outcome.faults.count)
    }
  }

  /// What must not pass.
  private struct POSIXError: Error {}

  @Test(
    "a manifest with a moment that cannot be is refused",
    arguments: ["-9223372036854775808", "-1", "9223372036854775807"])
  func moments(number: String) throws {
    try withArchive { directory, _ in
      let manifest = String(decoding: try BackupSource.pinned(directory).manifest.encoded(), as: UTF8.self)
      _ = try BackupManifest(decoding: Array(manifest.utf8))
      for name in ["createdAt", "publishedAt"] {
        guard let place = manifest.range(of: "\"\(name)\":[0-9]+", options: .regularExpression) else {
          continue
        }
        let forged = manifest.replacingCharacters(in: place, with: "\"\(name)\":\(number)")
        // The moment of the backup itself is only shown.
        let isOfBackup = name == "createdAt" && !manifest[..<place.lowerBound].contains("collections")
        if !isOfBackup {
          #expect(throws: MoultError.self) { _ = try BackupManifest(decoding: Array(forged.utf8)) }
        }
      }
    }
  }

  @Test("manifests and rows of points, behind checksums that are right")
  func contents() throws {
    try withArchive { directory, _ in
      let manifest = try BackupSource.pinned(directory).manifest.encoded()
      let outcome = FuzzOutcome.run(
        ByteFuzzer(
          seed: 96, corpus: [manifest],
          words: ["9223372036854775807", "-1", "1e400", "null", "segments", "[]", "rowCapacity"]),
        isExpected: Self.isExpected
      ) { bytes in
        let manifest = try BackupManifest(decoding: bytes)
        for collection in manifest.collections { _ = manifest.files(of: collection).map(\.name) }
      }
      #expect(outcome.faults == [] && outcome.inputs > 100)
      Figures.note("R9", "manifests of backups", outcome.inputs, "faults", outcome.faults.count)

      for kind in CollectionSchema.KeyKind.allCases {
        func key(_ row: Int) -> PointID {
          kind == .int64 || (kind == .mixed && row % 2 == 0) ? .int64(7) : .string("seven")
        }
        var points: [BackupPoint] = []
        for row in 0..<20 {
          let died: Int64? = row % 3 == 0 ? 4 : nil
          let payload: String? = row % 2 == 0 ? #"{"a":1}"# : nil
          points.append(BackupPoint(row: Int64(row), died: died, key: key(row), payload: payload))
        }
        let bytes = BackupPoint.encode(points, keyKind: kind)
        #expect(try BackupPoint.decode(bytes, keyKind: kind) == points)
        let outcome = FuzzOutcome.run(
          ByteFuzzer(seed: 97, corpus: [bytes]), isExpected: Self.isExpected
        ) { bytes in _ = try BackupPoint.decode(bytes, keyKind: kind) }
        #expect(outcome.faults == [] && outcome.inputs > 100)
      }
    }
  }

  @Test("golden: a tar header is what tar makes of it, and tar finds every entry")
  func tar() throws {
    let entry = try ArchiveEntry(
      name: "collections/1/points-0", size: 1_234, offset: 0, seconds: 1_700_000_000)
    let bytes = entry.encoded()
    #expect(String(decoding: bytes[124..<135], as: UTF8.self) == "00000002322")
    #expect(String(decoding: bytes[136..<147], as: UTF8.self) == "14524770400")
    #expect(String(decoding: bytes[148..<154], as: UTF8.self) == "013320")
    #expect(try ArchiveEntry(decoding: bytes, at: 0) == entry)
    try withArchive { _, bytes in
      try withTemporaryDirectory { folder in
        try writeFile(bytes, folder + "/b.tar")
        let listed = try output("/bin/tar", ["tf", folder + "/b.tar"])
        #expect(listed.first == "manifest.json" && listed.last == "MOULT-END")
        #expect(listed.count == 2 + 5 * CollectionSchema.KeyKind.allCases.count)
      }
    }
  }
}

/// Lines that a program writes.
private func output(_ program: String, _ arguments: [String]) throws -> [String] {
  let process = Process()
  let pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.standardOutput = pipe
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
}
