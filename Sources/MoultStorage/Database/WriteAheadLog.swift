import CSQLitePages
import MoultModel

/// SQLite's write-ahead log as it lies on the disk, read without SQLite.
///
/// After a crash SQLite takes the frames of a log as far as their checksums are right and forgets the rest without a word:
/// a torn end is what a crash leaves. Damage to a frame looks the same to it, and would cost all commits from there on. It is
/// told apart here, before SQLite opens the log:
///
/// - The mark (see `sqlite_pages.h`) says how far the log was synced once; it must still reach as far.
/// - A commit is synced before the next frame is written, and each frame's checksum goes on from the one before. So a
///   frame that goes on from a commit proves that everything up to that commit was whole.
/// - A header is synced before the first frame, so frames behind a header that is not right prove damage.
///
/// The format is described at https://www.sqlite.org/fileformat2.html#walformat.
struct WriteAheadLog {
  /// What is wrong with it, naming the file and the place.
  private(set) var damage: MoultError?
  /// The last committed frame of each page of the database that the log holds.
  private var lastFrames: [UInt32: Int] = [:]

  init(of database: DatabaseFile) throws {
    let path = database.logPath
    let mark = try LogMark(path: database.path + MOULT_LOG_MARK_SUFFIX, fileSystem: database.fileSystem)
    let size = try database.fileSystem.size(atPath: path) ?? 0
    guard size >= LogFrames.headerSize else {
      if let mark {
        damage = corruption(
          path, size, "file size", expected: "a log of at least \(mark.frameCount) frames",
          got: "\(size) bytes")
      }
      return
    }
    let file = try database.fileSystem.open(path, .read)
    defer { database.fileSystem.close(file) }
    let mapped = try MappedFile(file, byteCount: size)
    mapped.advise(.sequential)
    guard let frames = LogFrames(mapped.bytes) else {
      if size > LogFrames.headerSize || mark != nil {
        damage = corruption(path, 0, "header of the log", expected: "a sound one", got: "one that is not")
      }
      return
    }
    scan(frames, mark: mark, path: path)
  }

  /// Pages whose newest content has not been taken over into the main file: what that has of them does not count.
  ///
  /// - Parameter takenOver: frames, from the first, that are known to be in the main file.
  func pages(takenOver: Int = 0) -> Set<UInt32> { Set(lastFrames.filter { $0.value >= takenOver }.keys) }

  func requireSound() throws {
    guard let damage else { return }
    throw MoultError(
      damage.code,
      "\(damage.message). Commits that were acknowledged lie there or behind: restore a copy of the data directory"
    )
  }

  private mutating func scan(_ frames: LogFrames, mark: LogMark?, path: String) {
    var sums = frames.headerSums
    var valid = 0
    var uncommitted: [UInt32: Int] = [:]
    while valid < frames.count, frames.hasSalts(valid) {
      let next = frames.sums(of: valid, after: sums)
      guard next == frames.storedSums(valid) else { break }
      sums = next
      uncommitted[frames.page(valid)] = valid
      if frames.isCommit(valid) {
        lastFrames.merge(uncommitted) { _, newer in newer }
        uncommitted = [:]
      }
      valid += 1
    }
    let isVouchedFor =
      if let mark, mark.salts == frames.salts {
        valid < mark.frameCount || frames.storedSums(mark.frameCount - 1) != mark.sums
      } else { false }
    guard isVouchedFor || (valid < frames.count && frames.provesCommit(from: valid, after: sums)) else {
      return
    }
    damage = MoultError.damagedPage(path, at: frames.offset(min(valid, frames.count)))
  }
}

/// How far a log was synced when that was noted last.
struct LogMark {
  let salts: [UInt8]
  let sums: LogFrames.Sums
  /// At least 1.
  let frameCount: Int

  /// - Returns: `nil` when there is none, it was taken back, or half of it reached the disk.
  init?(path: String, fileSystem: any FileSystem) throws {
    guard try fileSystem.size(atPath: path) != nil else { return nil }
    let file = try fileSystem.open(path, .read)
    defer { fileSystem.close(file) }
    var bytes = [UInt8](repeating: 0, count: Int(MOULT_LOG_MARK_SIZE))
    let read = try bytes.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
    func word(_ place: Int) -> UInt64 {
      bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard read == bytes.count, word(24) == moult_page_checksum(bytes, 24, 0),
      let frameCount = Int(exactly: word(16)), frameCount > 0
    else { return nil }
    salts = Array(bytes[0..<8])
    sums = bytes.withUnsafeBytes { LogFrames.Sums($0, at: 8) }
    self.frameCount = frameCount
  }
}

/// The frames of a log whose header is sound.
struct LogFrames {
  /// The running checksum of a log.
  struct Sums: Equatable {
    var first: UInt32
    var second: UInt32

    init(_ bytes: UnsafeRawBufferPointer, at place: Int) {
      first = bigEndian(bytes, at: place)
      second = bigEndian(bytes, at: place + 4)
    }
  }

  static let headerSize = Int(MOULT_LOG_HEADER_SIZE)
  private static let frameHeaderSize = Int(MOULT_LOG_FRAME_HEADER_SIZE)

  let count: Int
  let salts: [UInt8]
  let headerSums: Sums
  private let bytes: UnsafeRawBufferPointer
  private let pageSize: Int
  private let isBigEndian: Bool

  /// - Parameter bytes: the log, at least its header.
  /// - Returns: `nil` when the header is not one.
  init?(_ bytes: UnsafeRawBufferPointer) {
    let magic = bigEndian(bytes, at: 0)
    guard magic & ~1 == 0x377f_0682, bigEndian(bytes, at: 4) == 3_007_000 else { return nil }
    let pageSize = Int(bigEndian(bytes, at: 8))
    guard (512...65_536).contains(pageSize), pageSize & (pageSize - 1) == 0 else { return nil }
    self.bytes = bytes
    self.pageSize = pageSize
    isBigEndian = magic & 1 == 1
    count = (bytes.count - Self.headerSize) / (Self.frameHeaderSize + pageSize)
    salts = Array(bytes[16..<24])
    headerSums = Sums(bytes, at: 24)
    var sums: [UInt32] = [0, 0]
    moult_log_checksum(bytes.bindMemory(to: UInt8.self).baseAddress, 24, isBigEndian, &sums)
    guard sums == [headerSums.first, headerSums.second] else { return nil }
  }

  /// - Parameter index: up to `count`, which is where the next frame would begin.
  func offset(_ index: Int) -> Int { Self.headerSize + index * (Self.frameHeaderSize + pageSize) }

  func page(_ index: Int) -> UInt32 { bigEndian(bytes, at: offset(index)) }
  func isCommit(_ index: Int) -> Bool { bigEndian(bytes, at: offset(index) + 4) != 0 }
  func hasSalts(_ index: Int) -> Bool { bytes[offset(index) + 8..<offset(index) + 16].elementsEqual(salts) }
  func storedSums(_ index: Int) -> Sums { Sums(bytes, at: offset(index) + 16) }

  /// The checksum that a frame should have.
  func sums(of index: Int, after sums: Sums) -> Sums {
    var words = [sums.first, sums.second]
    let frame = bytes.bindMemory(to: UInt8.self).baseAddress! + offset(index)
    moult_log_checksum(frame, 8, isBigEndian, &words)
    moult_log_checksum(frame + Self.frameHeaderSize, pageSize, isBigEndian, &words)
    var result = sums
    (result.first, result.second) = (words[0], words[1])
    return result
  }

  /// Whether a commit at `bad` or behind it was synced, although frame `bad` is not what was written.
  ///
  /// Remains of transactions that were given up cannot pass for it: no frame goes on from theirs.
  ///
  /// - Parameter sums: of the frame before, which is right.
  func provesCommit(from bad: Int, after sums: Sums) -> Bool {
    let expected = self.sums(of: bad, after: sums)
    // Its checksum is right, so only the salts can be damaged.
    if expected == storedSums(bad) { return true }
    return (bad..<max(bad, count - 1)).contains { index in
      guard isCommit(index), hasSalts(index + 1) else { return false }
      let next = storedSums(index + 1)
      if index == bad, self.sums(of: bad + 1, after: expected) == next { return true }
      return self.sums(of: index + 1, after: storedSums(index)) == next
    }
  }
}

/// - Precondition: four bytes from `place` on.
private func bigEndian(_ bytes: UnsafeRawBufferPointer, at place: Int) -> UInt32 {
  UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
}
