internal import Foundation

/// The two channels of the command line: data on stdout, talk on stderr.
enum Console {
  /// Writes a line of talk.
  static func say(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  /// Writes a line of data.
  static func put(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  /// Writes talk as it is; for progress bars.
  static func sayRaw(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Writes a value as one line of JSON on stdout.
  static func putJSON(_ value: some Encodable) throws { put(try json(value)) }

  /// One line of JSON with sorted keys, so that output can be compared.
  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static var talkIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Columns of the terminal that shows talk; 80 when that is not known.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        bytes = bytes.dropFirst(written)
      } else if errno == EPIPE && descriptor == STDOUT_FILENO {
        // The reader has gone (`moult … | head`). NIO ignores SIGPIPE; end as any filter would.
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
      } else if errno != EINTR && errno != EAGAIN {
        return
      }
    }
  }
}
