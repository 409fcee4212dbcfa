internal import Foundation

/// A token that stands in a file, which others cannot read as they can a command line.
enum TokenFile {
  private static let bytesMax = 4096

  /// The file's only line.
  ///
  /// - Throws: a usage failure that names the file.
  static func read(_ path: String, option: String) throws -> String {
    let contents: Data
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      contents = try handle.read(upToCount: bytesMax + 1) ?? Data()
    } catch {
      throw CommandFailure(.usage, "\(option): cannot read '\(path)': \(error.localizedDescription)")
    }
    guard contents.count <= bytesMax, let text = String(data: contents, encoding: .utf8) else {
      throw CommandFailure(
        .usage, "\(option): '\(path)' should hold one line of UTF-8 of at most \(bytesMax) bytes")
    }
    let token = text.trimmingCharacters(in: .newlines)
    try check(token, "\(option): '\(path)'")
    return token
  }

  /// - Throws: a usage failure when a client could not send this text in a header.
  static func check(_ token: String, _ source: String) throws {
    guard !token.isEmpty, token == token.trimmingCharacters(in: .whitespaces),
      !token.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
    else {
      throw CommandFailure(
        .usage, "\(source) should be one line of text without spaces at its ends, and not empty",
        next: "for example: openssl rand -hex 32")
    }
  }
}
