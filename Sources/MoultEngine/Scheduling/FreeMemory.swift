import Foundation

/// Memory that processes may still take, in bytes, as the kernel reckons it (`MemAvailable`).
enum FreeMemory {
  /// - Returns: `nil` where the system does not tell.
  static var bytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    return bytes(meminfo: text)
  }

  /// - Parameter meminfo: lines like "MemAvailable:   24105 kB".
  static func bytes(meminfo: String) -> Int? {
    for line in meminfo.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }
    return nil
  }
}
