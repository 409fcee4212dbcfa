import Logging
import MoultEngine
import MoultModel
import MoultStorage
import MoultTesting
import Synchronization
import Testing

/// The real file system, until the disk is "full".
private final class FillingFileSystem: FileSystem {
  private let real = POSIXFileSystem()
  let isFull = Mutex(false)

  private func requireRoom(_ path: String) throws {
    if isFull.withLock({ $0 }) { throw MoultError(.diskFull, "no space left on the device for \(path)") }
  }

  func open(_ path: String, _ mode: OpenMode) throws -> OpenFile {
    if case .create = mode { try requireRoom(path) }
    return try real.open(path, mode)
  }
  func close(_ file: OpenFile) { real.close(file) }
  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int) throws -> Int {
    try requireRoom(file.path)
    return try real.write(bytes, to: file, at: offset)
  }
  func read(into bytes: UnsafeMutableRawBufferPointer, from file: OpenFile, at offset: Int) throws -> Int {
    try real.read(into: bytes, from: file, at: offset)
  }
  func size(of file: OpenFile) throws -> Int { try real.size(of: file) }
  func resize(_ file: OpenFile, to sizeBytes: Int) throws { try real.resize(file, to: sizeBytes) }
  func sync(_ file: OpenFile) throws { try real.sync(file) }
  func syncData(_ file: OpenFile) throws { try real.syncData(file) }
  func rename(_ path: String, to target: String) throws { try real.rename(path, to: target) }
  func link(_ path: String, to target: String) throws { try real.link(path, to: target) }
  func remove(_ path: String) throws { try real.remove(path) }
  func makeDirectory(_ path: String) throws { try real.makeDirectory(path) }
  func removeDirectory(_ path: String) throws { try real.removeDirectory(path) }
  func syncDirectory(_ path: String) throws { try real.syncDirectory(path) }
  func list(_ path: String) throws -> [String] { try real.list(path) }
  func size(atPath path: String) throws -> Int? { try real.size(atPath: path) }
  func freeBytes(at path: String) throws -> Int { try real.freeBytes(at: path) }
}

@Suite("A full disk")
struct DiskFullTests {
  @Test("refuses the write, changes nothing, goes on answering, and takes writes again when there is room")
  func refusesCleanly() async throws {
    let disk = FillingFileSystem()
    let directory = TemporaryDirectory()
    let engine = try await Engine.open(
      EngineConfiguration(dataDirectory: directory.path, computeThreads: 1, segmentRowsMax: 4),
      logger: Logger(label: "full"), fileSystem: disk)
    _ = try await engine.createCollection("c", schema: CollectionSchema(dimension: 2, metric: .innerProduct))
    func write(_ ids: ClosedRange<Int64>) async throws {
      _ = try await engine.write(
        PointBatch(
          ids: ids.map { .int64($0) }, vectors: ids.flatMap { [Float($0), 1] }, dimension: 2),
        to: "c", mode: .upsert)
    }
    func found() async throws -> [PointID] {
      try await engine.search(SearchRequest(queries: [1, 0], dimension: 2, limit: 100), in: "c")
        .hits[0].map(\.id)
    }
    try await write(1...3)
    let before = try await found()
    disk.isFull.withLock { $0 = true }
    // Into the present segment, and across several that would have to be made.
    for ids in [Int64(3)...4, 10...30] {
      await #expect { try await write(ids) } throws: { ($0 as? MoultError)?.code == .diskFull }
      #expect(try await found() == before)
      #expect(try engine.describeCollection("c").count == 3)
    }
    disk.isFull.withLock { $0 = false }
    try await write(10...30)
    #expect(try await found() == (Array(10...30).reversed() + [3, 2, 1]).map { .int64($0) })
    await engine.close()

    let again = try await Engine.open(
      EngineConfiguration(dataDirectory: directory.path, computeThreads: 1, segmentRowsMax: 4),
      logger: Logger(label: "full"))
    #expect(try again.describeCollection("c").count == 24)
    #expect(
      try await again.search(SearchRequest(queries: [1, 0], dimension: 2, limit: 2), in: "c").hits[0].map(
        \.id)
        == [.int64(30), .int64(29)])
    await again.close()
  }
}
