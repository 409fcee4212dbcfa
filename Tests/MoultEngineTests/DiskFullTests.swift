import Logging
import MoultJobs
import MoultModel
import MoultStorage
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// The real file system, until the disk is "full".
private final class FillingFileSystem: FileSystem {
  private let real = POSIXFileSystem()
  let isFull = Mutex(false)
  /// The disk is full from the moment at which a file of codes is made for the second time.
  let fillsAtCodes = Mutex<Int?>(nil)
  let freeBytes = Mutex<Int?>(nil)

  private func requireRoom(_ path: String) throws {
    if isFull.withLock({ $0 }) { throw MoultError(.diskFull, "no space left on the device for \(path)") }
  }

  private func noteCodes() {
    let isNow = fillsAtCodes.withLock { left -> Bool in
      guard let count = left else { return false }
      left = count > 0 ? count - 1 : nil
      return count == 0
    }
    if isNow { isFull.withLock { $0 = true } }
  }

  func open(_ path: String, _ mode: OpenMode) throws -> OpenFile {
    if case .create = mode {
      if path.contains(".codes") { noteCodes() }
      try requireRoom(path)
    }
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
  func freeBytes(at path: String) throws -> Int {
    try freeBytes.withLock { $0 } ?? real.freeBytes(at: path)
  }
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

  private static let toInt8 = SwitchRequest(
    specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0))

  @Test("in the middle of a switch stops it cleanly, and it goes on from there when there is room")
  func stopsASwitch() async throws {
    let disk = FillingFileSystem()
    let harness = try await EngineHarness(segmentRowsMax: 500, fileSystem: disk)
    try await harness.importSample("words", rows: 1_500)
    try await harness.settle()
    let before = try harness.engine.describeCollection("words")
    let queries = SampleVectors.queries()
    let answers = try await harness.search("words", queries: queries)

    disk.fillsAtCodes.withLock { $0 = 1 }
    disk.freeBytes.withLock { $0 = 1 << 40 }
    var job = try await harness.engine.startSwitch("words", Self.toInt8)
    disk.freeBytes.withLock { $0 = 3 << 20 }
    while job.roomNeeded == nil {
      #expect(!job.state.isFinal, "\(job)")
      if job.state.isFinal { break }
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .available && job.attempt == 0)
    #expect(job.errorCode == MoultError.Code.diskFull.rawValue)
    #expect(try harness.engine.describeCollection("words") == before)
    #expect(try await harness.search("words", queries: queries) == answers)
    #expect(harness.directory.files().filter { $0.contains(".partial") } == [])
    #expect(harness.directory.files().count { $0.hasSuffix(".codes") } == 1)
    let status = try harness.engine.jobStatus(job.id)
    #expect(status.diskFree == 3 << 20 && status.gate == .pending && status.building != nil)
    // What the first segment took is not asked for again.
    let whole = try await harness.engine.planSwitch("words", Self.toInt8).diskNeeded
    let needed = try #require(job.roomNeeded)
    #expect((1...Int64(whole)).contains(needed))

    // It tries again when it is told to, and waits again; no attempt is lost.
    _ = try await harness.engine.retryJob(job.id)
    _ = try await nextWait(of: job.id, in: harness)
    // No room is room enough for nobody, and all that it needs is enough.
    #expect(try harness.engine.resources.queue.admit(free: needed - 1) == [])
    disk.isFull.withLock { $0 = false }
    disk.freeBytes.withLock { $0 = Int(needed) }
    #expect(try harness.engine.resources.queue.admit(free: needed) == [job.id])
    job = try await harness.finish(job)
    #expect(job.state == .completed && job.attempt == 1, "\(job)")
    #expect(try harness.engine.describeCollection("words").generation.specification.quantization == .int8)
    try await harness.shutDown()
  }

  private func nextWait(of id: Int64, in harness: EngineHarness) async throws -> JobInfo {
    var job = try harness.engine.job(id)
    while job.roomNeeded == nil, !job.state.isFinal {
      job = try await harness.engine.waitForJob(id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .available && job.attempt == 0, "\(job)")
    return job
  }

  @Test("a job that waits for room survives a restart, and a cancelled one leaves nothing")
  func waitsOverRestart() async throws {
    let disk = FillingFileSystem()
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 500, fileSystem: disk)
    try await harness.importSample("words", rows: 1_500)
    try await harness.settle()
    let files = harness.directory.files()
    disk.fillsAtCodes.withLock { $0 = 1 }
    disk.freeBytes.withLock { $0 = 1 << 40 }
    let job = try await harness.engine.startSwitch("words", Self.toInt8)
    disk.freeBytes.withLock { $0 = 0 }
    _ = try await nextWait(of: job.id, in: harness)
    try await harness.shutDown()

    harness = try await EngineHarness(directory: directory, segmentRowsMax: 500, fileSystem: disk)
    #expect(try harness.engine.job(job.id).roomNeeded != nil)
    #expect(try await harness.engine.cancelJob(job.id).state == .cancelled)
    #expect(harness.directory.files() == files)
    try await harness.shutDown()
  }

  @Test("a full disk that has room enough is an error like any other: attempts end")
  func notForRoom() async throws {
    let disk = FillingFileSystem()
    let harness = try await EngineHarness(segmentRowsMax: 500, fileSystem: disk)
    try await harness.importSample("words", rows: 1_500)
    try await harness.settle()
    disk.fillsAtCodes.withLock { $0 = 0 }
    disk.freeBytes.withLock { $0 = 1 << 40 }
    var job = try await harness.engine.startSwitch("words", Self.toInt8)
    while job.state != .retrying, !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .retrying && job.attempt == 1 && job.roomNeeded == nil, "\(job)")
    _ = try await harness.engine.cancelJob(job.id)
    try await harness.shutDown()
  }

  @Test("refuses a switch that has no room before it begins, with what it needs")
  func refusesASwitch() async throws {
    let disk = FillingFileSystem()
    let harness = try await EngineHarness(fileSystem: disk)
    try await harness.importSample("words", rows: 1_000)
    disk.freeBytes.withLock { $0 = 1 << 20 }
    let plan = try await harness.engine.planSwitch("words", Self.toInt8)
    #expect(plan.diskFree == 1 << 20 && plan.diskNeeded > plan.diskFree)
    await #expect {
      _ = try await harness.engine.startSwitch("words", Self.toInt8)
    } throws: { error in
      guard let error = error as? MoultError else { return false }
      return error.code == .diskFull && error.message.contains("1 MiB")
    }
    #expect(try harness.engine.jobs().isEmpty)
    disk.freeBytes.withLock { $0 = plan.diskNeeded }
    let job = try await harness.finish(try await harness.engine.startSwitch("words", Self.toInt8))
    #expect(job.state == .completed, "\(job)")
    try await harness.shutDown()
  }
}
