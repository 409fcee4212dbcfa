internal import Foundation

/// Measures a disk where a data directory lies (or shall lie), with a file that is removed again.
package struct DiskProbe: Sendable {
  package struct Report: Sendable, Codable, Equatable {
    package var directory: String
    /// 64 MiB written in one go and synced, 10⁶ bytes a second.
    package var writeMbPerS: Double
    /// A 4 KiB append and its sync; every acknowledged write waits for one or two of them.
    package var syncMedianMs: Double
    package var syncMaxMs: Double
    package var freeBytes: Int
  }

  private let directory: String
  private static let blockBytes = 1 << 20
  private static let blockCount = 64
  private static let syncCount = 20

  package init(directory: String) {
    self.directory = directory
  }

  /// - Throws: a POSIX error when the directory cannot be written to.
  package func run() throws -> Report {
    let path = "\(directory)/.moult-doctor-\(getpid())"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.posixError("cannot write in '\(directory)'") }
    defer {
      close(descriptor)
      unlink(path)
    }
    // Not zeros: some file systems store those for nothing.
    let block = (0..<Self.blockBytes).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let writeSeconds = try Stopwatch.seconds {
      for _ in 0..<Self.blockCount { try Self.write(block, to: descriptor) }
      guard fsync(descriptor) == 0 else { throw Self.posixError("cannot sync '\(path)'") }
    }
    let page = Array(block[0..<4096])
    let syncs = try (0..<Self.syncCount).map { _ in
      try Stopwatch.seconds {
        try Self.write(page, to: descriptor)
        guard fdatasync(descriptor) == 0 else { throw Self.posixError("cannot sync '\(path)'") }
      }
    }.sorted()
    var status = statvfs()
    let isKnown = statvfs(directory, &status) == 0
    return Report(
      directory: directory, writeMbPerS: Double(Self.blockBytes * Self.blockCount) / writeSeconds / 1e6,
      syncMedianMs: syncs[Self.syncCount / 2] * 1000, syncMaxMs: syncs[Self.syncCount - 1] * 1000,
      freeBytes: isKnown ? Int(status.f_bavail) * Int(status.f_frsize) : 0)
  }

  /// How long commits take when there is nothing to them but the disk.
  ///
  /// - Parameter bytes: what each commit writes to each of several files, one after the other; each is synced.
  /// - Returns: seconds of all `count` commits, the better of two rounds.
  package func secondsOfCommits(count: Int, bytes: [Int]) throws -> Double {
    let block = (0..<(bytes.max() ?? 0)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    return try (0..<2).map { round in
      var descriptors: [Int32] = []
      defer { for descriptor in descriptors { close(descriptor) } }
      for (place, size) in bytes.enumerated() {
        let path = "\(directory)/.moult-commits-\(getpid())-\(round)-\(place)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.posixError("cannot write in '\(directory)'") }
        descriptors.append(descriptor)
        unlink(path)
        // A hole of full length, as segments are: a sync then need not write a new size.
        guard ftruncate(descriptor, size * count) == 0 else {
          throw Self.posixError("cannot resize '\(path)'")
        }
      }
      return try Stopwatch.seconds {
        for _ in 0..<count {
          for (descriptor, size) in zip(descriptors, bytes) {
            try Self.write(block, count: size, to: descriptor)
            guard fdatasync(descriptor) == 0 else { throw Self.posixError("cannot sync in '\(directory)'") }
          }
        }
      }
    }.min()!
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
    try write(bytes, count: bytes.count, to: descriptor)
  }

  private static func write(_ bytes: [UInt8], count: Int, to descriptor: Int32) throws {
    var done = 0
    while done < count {
      let written = bytes.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress! + done, count - done)
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw posixError("cannot write") }
      done += written
    }
  }

  private static func posixError(_ what: String) -> DiskProbeError {
    DiskProbeError(message: "\(what): \(String(cString: strerror(errno)))")
  }
}

/// The disk could not be measured.
package struct DiskProbeError: Error, CustomStringConvertible {
  package let message: String

  package var description: String { message }
}
