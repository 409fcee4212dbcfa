internal import MoultEngine
internal import MoultFiles
internal import MoultModel

/// Writes a backup to a file, and checks every byte on the way: the file has its name only when all of it is sound.
struct BackupReceiver {
  let client: AdminClient
  /// Of collections or aliases; empty for all.
  let names: [String]
  let path: String
  let force: Bool

  func run() async throws -> BackupSummary {
    var file = try OutputFile(path: path, force: force)
    var check = BackupCheck()
    var bar = ProgressBar()
    defer { bar.clear() }
    try await client.backup(names) { bytes, total in
      try bytes.withUnsafeBytes { bytes in
        try file.write(bytes)
        try check.read(bytes)
      }
      bar.show(phase: "backup", done: Int64(check.byteCount), total: Int64(total))
    }
    let summary = try check.finish()
    try file.commit()
    return summary
  }

  /// Checks a file that was written before.
  static func verify(_ path: String) throws -> BackupSummary {
    let file = try InputFile(path: path)
    var check = BackupCheck()
    var bar = ProgressBar()
    defer { bar.clear() }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    while check.byteCount < file.size {
      let count = min(bytes.count, file.size - check.byteCount)
      try bytes.withUnsafeMutableBytes { bytes in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        try file.read(into: part, at: check.byteCount)
        try check.read(UnsafeRawBufferPointer(part))
      }
      bar.show(phase: "verify", done: Int64(check.byteCount), total: Int64(file.size))
    }
    return try check.finish()
  }
}
