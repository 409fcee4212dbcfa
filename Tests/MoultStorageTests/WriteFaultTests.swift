import GRDB
import MoultModel
import MoultStorageTesting
import MoultTesting
import Testing

@testable import MoultStorage

/// The write path as the engine walks it, with a fault at every call that changes a file.
@Suite("Faults at every file system call")
struct WriteFaultTests {
  private static let capacity = 6
  private static let total = 15
  private let pattern = PatternRows(rowStride: 16, sideStride: 4)

  @Test(
    "committed rows survive, the rest is cleaned up, and work goes on",
    arguments: FaultyFileSystem.Fault.allCases)
  func everyCall(fault: FaultyFileSystem.Fault) throws {
    var call = 0
    while try runOnce(fault, { _ in FaultyFileSystem(fault, atCall: call) }, "\(fault) at call \(call)") {
      call += 1
    }
    #expect(call > 60, "\(call) calls were tried")
  }

  @Test(
    "the same below SQLite: calls that change its database, log, the log's index and mark, and its journal",
    .timeLimit(.minutes(60)))
  func everyDatabaseCall() throws {
    let total = try databaseCalls()
    #expect(total > 200)
    let all = FaultyFileSystem.Fault.allCases
    let count = min(total, Scale.count(200, soak: total))
    var failures = 0
    for place in 0..<count {
      let call = place * total / count
      for fault in Scale.minutes >= Scale.fullMinutes ? all : [all[place % all.count]] {
        let isReached = try runOnce(
          fault, { FaultyFileSystem(fault, atDatabaseCall: call, in: $0) },
          "\(fault) at call \(call) of SQLite")
        if isReached { failures += 1 }
      }
    }
    // Which pages are written to the disk when depends a little on what ran before.
    #expect(failures >= count * 9 / 10)
    Figures.note("R6", "calls of SQLite", total, "that failed in the store", failures, "unclean", 0)
  }

  @Test("control: writes of SQLite that are dropped and reported as done are found out", .tags(.control))
  func controlOfDatabase() throws {
    let total = try databaseCalls()
    let noticed = try stride(from: 0, to: total, by: 10).count { try findsLostWrite(atDatabaseCall: $0) }
    #expect(noticed > 0)
  }

  /// Whether an error, a check or the rows themselves tell that a write was dropped.
  private func findsLostWrite(atDatabaseCall call: Int) throws -> Bool {
    try withTemporaryDirectory { path in
      let disk = FaultyFileSystem(.lostWrite, atDatabaseCall: call, in: path)
      defer { disk.letDatabaseBe() }
      var acknowledged = 0
      do {
        let directory = try DataDirectory(path: path, fileSystem: disk)
        try walk(directory, &acknowledged)
        directory.close()
        let reopened = try DataDirectory(path: path)
        defer { reopened.close() }
        return try !reopened.check(deep: true).isSound
          || readBack(reopened) != pattern.rows(0..<acknowledged)
      } catch {
        return true
      }
    }
  }

  /// How often SQLite changes its files when nothing goes wrong.
  private func databaseCalls() throws -> Int {
    try withTemporaryDirectory { path in
      let disk = FaultyFileSystem(atDatabaseCall: nil, in: path)
      defer { disk.letDatabaseBe() }
      let directory = try DataDirectory(path: path, fileSystem: disk)
      var acknowledged = 0
      try walk(directory, &acknowledged)
      directory.close()
      return disk.callCount
    }
  }

  /// - Returns: whether the fault was reached.
  private func runOnce(
    _ fault: FaultyFileSystem.Fault, _ disk: (_ path: String) -> FaultyFileSystem, _ comment: Comment
  ) throws -> Bool {
    try withTemporaryDirectory { path in try runOnce(path: path, fault, disk(path), comment) }
  }

  private func runOnce(
    path: String, _ fault: FaultyFileSystem.Fault, _ faulty: FaultyFileSystem, _ comment: Comment
  ) throws -> Bool {
    defer { faulty.letDatabaseBe() }
    var acknowledged = 0
    let directory: DataDirectory
    do { directory = try DataDirectory(path: path, fileSystem: faulty) } catch {
      #expect(faulty.hasFailed, comment)
      faulty.letDatabaseBe()
      try DataDirectory(path: path).close()
      return true
    }
    do { try walk(directory, &acknowledged) } catch {
      #expect(faulty.hasFailed, comment)
      let code = (error as? MoultError)?.code
      #expect(codes(of: fault, isOfSQLite: faulty.failsSQLite).contains(code), comment)
      if fault != .death {
        // The same process goes on once there is room again.
        #expect(try readBack(directory) == pattern.rows(0..<acknowledged), comment)
        try walk(directory, &acknowledged)
      }
    }
    directory.close()
    faulty.letDatabaseBe()

    let reopened = try DataDirectory(path: path)
    defer { reopened.close() }
    try reopened.sweepOrphans()
    let report = reopened.check(deep: true)
    #expect(report.problems == [] && report.orphans == [], comment)
    // Acknowledged means committed; what was committed without an answer may be there too.
    let stored = try readBack(reopened).count / 16
    #expect(stored >= acknowledged && stored <= acknowledged + 3, comment)
    #expect(try readBack(reopened) == pattern.rows(0..<stored), comment)
    acknowledged = stored
    try walk(reopened, &acknowledged)
    #expect(try readBack(reopened) == pattern.rows(0..<Self.total), comment)
    #expect(reopened.check(deep: true).isSound, comment)
    return faulty.hasFailed
  }

  /// What an error may be. SQLite tells a full disk only where it writes.
  private func codes(of fault: FaultyFileSystem.Fault, isOfSQLite: Bool) -> [MoultError.Code?] {
    switch fault {
    case .diskFull, .tornWrite: isOfSQLite ? [.diskFull, .internalError] : [.diskFull]
    case .shortWrite where isOfSQLite: [.diskFull]
    default: [.internalError]
    }
  }

  /// Stores rows in batches of up to 3 until there are 15, in segments of 6, sealing and encoding those
  /// that are full. Takes up where an earlier walk stopped.
  private func walk(_ directory: DataDirectory, _ acknowledged: inout Int) throws {
    let catalog = directory.catalog
    let fileSystem = directory.fileSystem
    let collection = try directory.write { db in
      try catalog.collection(named: "c", in: db)
        ?? catalog.insertCollection(
          name: "c", schema: CollectionSchema(dimension: 4),
          specification: EncodingSpecification(quantization: .int8), in: db
        ).collection
    }
    let points = PointStore(collectionID: collection.id, keyKind: .int64)
    while true {
      let segments = try directory.read { try catalog.segments(of: collection.id, in: $0) }
      if let growing = segments.last, growing.state == .growing {
        let file = try GrowingSegment(
          opening: directory.absolutePath(growing.file), identity: growing.identity,
          rowCount: growing.rowCount, fileSystem: fileSystem)
        if growing.rowCount == Self.capacity {
          try seal(growing, file, directory, generation: collection.currentGeneration)
          continue
        }
        let first = Int(growing.rows.upperBound)
        if first == Self.total { return }
        let count = min(3, Self.capacity - growing.rowCount)
        try pattern.append(first..<first + count, to: file, at: growing.rowCount)
        try file.sync()
        try directory.write { db in
          let sequence = try catalog.advance(collection: collection.id, rows: Int64(count), in: db)
          try catalog.updateSegment(growing.id, rowCount: growing.rowCount + count, in: db)
          _ = try points.insert(
            firstRow: Int64(first), ids: (first..<first + count).map { .int64(Int64($0)) },
            sequence: sequence, replaceExisting: false, in: db)
        }
        acknowledged = first + count
      } else {
        try directory.write { db in
          let segment = try catalog.insertSegment(
            collection: collection.id, firstRow: segments.last?.rows.upperBound ?? 0,
            rowCapacity: Self.capacity, in: db)
          _ = try GrowingSegment(
            creating: directory.absolutePath(segment.file), identity: segment.identity,
            rowCapacity: Self.capacity, rowStride: 16, sideStride: 4, fileSystem: fileSystem)
        }
      }
    }
  }

  private func seal(
    _ segment: SegmentRecord, _ file: GrowingSegment, _ directory: DataDirectory, generation: Int64
  ) throws {
    let sealed = try file.seal(count: segment.rowCount)
    let codes = FileNames.codes(
      collection: segment.collectionID, segment: segment.id, generation: generation)
    let writer = try SegmentWriter(
      path: directory.absolutePath(codes), kind: .codes, identity: segment.identity(inGeneration: generation),
      rowCount: sealed.count, rowStride: 16, fileSystem: directory.fileSystem)
    try writer.append(rows: sealed.rows, count: sealed.count)
    try writer.finish()
    try directory.write { db in
      try directory.catalog.sealSegment(segment.id, rowCount: segment.rowCount, in: db)
      try directory.catalog.recordCodes(
        generation: generation, segment: segment.id, codesFile: codes, graphFile: nil, in: db)
    }
  }

  /// All committed rows, in order.
  private func readBack(_ directory: DataDirectory) throws -> [UInt8] {
    let segments = try directory.read { db in
      try directory.catalog.collection(named: "c", in: db)
        .map { try directory.catalog.segments(of: $0.id, in: db) } ?? []
    }
    return try segments.flatMap { segment in
      let path = directory.absolutePath(segment.file)
      if segment.state == .sealed {
        return try SegmentFile(path: path, kind: .vectors, identity: segment.identity).rowBytes
      }
      return try GrowingSegment(opening: path, identity: segment.identity, rowCount: segment.rowCount)
        .rowBytes(segment.rowCount)
    }
  }
}
