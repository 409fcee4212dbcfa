import Glibc
package import MoultModel

/// Reads JSON objects, one a line, from a plain or gzip file (`.jsonl`, `.jsonl.gz`), as the text they are.
///
/// Lines end with `\n` or `\r\n`; the last one may end with the file. Every line must be one JSON object:
/// an empty line is an error, since lines are matched with vectors by their number.
///
/// Memory: two buffers, and the longest line.
package final class JSONLinesReader {
  package let path: String
  /// Lines read so far: the number, from 1, of the line that was read last.
  package private(set) var lineNumber = 0

  private var source: Inflater
  private let lineSizeBytesMax: Int
  private var buffer: UnsafeMutableRawBufferPointer
  /// Bytes of `buffer` that are not handed out yet.
  private var start = 0
  private var end = 0
  private var isAtEnd = false

  package static let lineSizeBytesMax = 16 << 20

  package init(
    path: String, lineSizeBytesMax: Int = JSONLinesReader.lineSizeBytesMax
  ) throws(MoultError) {
    self.path = path
    self.lineSizeBytesMax = lineSizeBytesMax
    source = try Inflater(path: path)
    buffer = .allocate(byteCount: 1 << 18, alignment: 64)
  }

  deinit { buffer.deallocate() }

  /// The next line without its ending, byte for byte, or `nil` at the end.
  ///
  /// - Throws: `corrupted` for damaged or truncated gzip data, `invalidArgument` for a line that is no JSON
  ///   object, `tooLarge` for one longer than the limit; each names the file and the line.
  package func next() throws(MoultError) -> String? {
    guard let line = try nextLine() else { return nil }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[line]).assumingMemoryBound(to: UInt8.self)
    do {
      try JSONText.validateObject(utf8: bytes)
    } catch {
      let found = bytes.isEmpty ? "the line is empty" : error.description
      throw failure(.invalidArgument, lineNumber, "expected one JSON object a line; \(found)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The place of the next line in the buffer, without its ending.
  private func nextLine() throws(MoultError) -> Range<Int>? {
    var searched = 0
    while true {
      let pending = end - start - searched
      if pending > 0,
        let newline = memchr(buffer.baseAddress! + start + searched, 0x0A, pending)
      {
        let lineEnd = UnsafeMutableRawPointer(newline) - buffer.baseAddress!
        return try line(endingAt: lineEnd, next: lineEnd + 1)
      }
      searched = end - start
      if isAtEnd { return searched == 0 ? nil : try line(endingAt: end, next: end) }
      // Two more for "\r\n", of which only the first may have come.
      guard searched < lineSizeBytesMax + 2 else { throw tooLong }
      try readMore()
    }
  }

  private func line(endingAt lineEnd: Int, next: Int) throws(MoultError) -> Range<Int> {
    var line = start..<lineEnd
    if next > lineEnd, let last = line.last, buffer[last] == 0x0D { line = line.dropLast() }
    guard line.count <= lineSizeBytesMax else { throw tooLong }
    start = next
    lineNumber += 1
    return line
  }

  /// Makes room behind the pending bytes and fills it.
  private func readMore() throws(MoultError) {
    if start > 0 {
      let pending = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
      buffer.copyMemory(from: pending)
      (start, end) = (0, pending.count)
    }
    if end == buffer.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 64)
      larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
      buffer.deallocate()
      buffer = larger
    }
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
    let count: Int
    do {
      count = try source.read(into: room)
    } catch {
      // What was read of this line cannot be trusted to be all of it.
      throw failure(error.code, lineNumber + 1, error.message)
    }
    end += count
    isAtEnd = count == 0
  }

  private var tooLong: MoultError {
    failure(.tooLarge, lineNumber + 1, "expected at most \(lineSizeBytesMax) bytes, found more")
  }

  private func failure(_ code: MoultError.Code, _ line: Int, _ message: String) -> MoultError {
    MoultError(code, "'\(path)', line \(line): \(message)")
  }
}
