import Foundation

/// Memory that processes may still take, in bytes, as the kernel reckons it (`MemAvailable`), and what this one has.
enum FreeMemory {
  /// - Returns: `nil` where the system does not tell.
  static var bytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    return bytes(meminfo: text)
  }

  /// - Parameter meminfo: lines like "MemAvailable:   24105 kB".
  static func bytes(meminfo: String) -> Int? { kilobytes("MemAvailable:", in: meminfo) }

  /// What this process has on its heap and stacks (`RssAnon`), in bytes.
  static var ofProcess: Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    return kilobytes("RssAnon:", in: text)
  }

  private static func kilobytes(_ key: String, in text: String) -> Int? {
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        .map { $0 << 10 }
    }
    return nil
  }
}
