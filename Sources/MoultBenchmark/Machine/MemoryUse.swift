internal import Foundation
internal import Glibc

/// Memory of this process as the system counts it, in bytes.
struct MemoryUse {
  /// Pages in memory: heap and stacks (`RssAnon`) and touched parts of mapped files, the program's own code and
  /// libraries among them (`RssFile`).
  let resident: Int
  let anonymous: Int
  let file: Int
  /// The most that `resident` has ever been.
  let peak: Int

  /// Gives memory that was freed back to the system, where the allocator is glibc's.
  static func trim() {
    // malloc.h is not in the Glibc module.
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
  }

  /// Lets `peak` begin again at what is resident now.
  ///
  /// - Returns: `false` where the system does not offer it; `peak` is then that of the whole process.
  static func resetPeak() -> Bool {
    // proc(5): writing 5 to clear_refs resets the peak.
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
    defer { try? file.close() }
    return (try? file.write(contentsOf: Data("5".utf8))) != nil
  }

  /// - Returns: `nil` where the system does not tell (no `/proc`).
  static var current: MemoryUse? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    var values: [Substring: Int] = [:]
    for line in text.split(separator: "\n") {
      // "VmHWM:    123456 kB"
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count == 3, words[2] == "kB", let kilobytes = Int(words[1]) else { continue }
      values[words[0].dropLast()] = 1024 * kilobytes
    }
    guard let resident = values["VmRSS"], let anonymous = values["RssAnon"], let file = values["RssFile"],
      let peak = values["VmHWM"]
    else { return nil }
    return MemoryUse(resident: resident, anonymous: anonymous, file: file, peak: peak)
  }
}
