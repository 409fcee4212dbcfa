import CZlib
import Glibc
package import MoultModel

/// Writes JSON texts, one a line, to a plain file, or to a gzip file if its name ends with `.gz`.
package final class JSONLinesWriter {
  private var file: OutputFile
  /// zlib keeps its address, so it must not move; `nil` for plain files.
  private let stream: UnsafeMutablePointer<z_stream>?
  private var pending: [UInt8] = []
  private var compressed = [UInt8](repeating: 0, count: JSONLinesWriter.blockSizeBytes)
  package private(set) var lineCount = 0

  private static let blockSizeBytes = 1 << 18

  /// - Parameter force: replace a file that is there already.
  package init(path: String, force: Bool = false) throws(MoultError) {
    file = try OutputFile(path: path, force: force)
    guard FileExtension(path).name == "gz" else {
      stream = nil
      return
    }
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // Level and memory are zlib's defaults; without a header of our own gzip's time stays 0, so that the
    // same lines give the same file.
    let status = deflateInit2_(
      stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Inflater.window, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib refused to start: \(status)")
    self.stream = stream
  }

  deinit {
    guard let stream else { return }
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Appends one line.
  ///
  /// - Parameter json: a JSON text; it is not checked. Line breaks in it, which can only stand between
  ///   tokens, become spaces: everything else is written byte for byte.
  package func append(_ json: String) throws(MoultError) {
    var json = json
    json.withUTF8 { utf8 in
      let start = pending.count
      pending.append(contentsOf: utf8)
      if let base = utf8.baseAddress,
        memchr(base, 0x0A, utf8.count) != nil || memchr(base, 0x0D, utf8.count) != nil
      {
        for index in start..<pending.count where pending[index] == 0x0A || pending[index] == 0x0D {
          pending[index] = 0x20
        }
      }
      pending.append(0x0A)
    }
    lineCount += 1
    if pending.count >= Self.blockSizeBytes { try flush(Z_NO_FLUSH) }
  }

  /// Completes the file and gives it its name. Without it nothing is left behind.
  package func close() throws(MoultError) {
    try flush(Z_FINISH)
    try file.commit()
  }

  private func flush(_ mode: Int32) throws(MoultError) {
    defer { pending.removeAll(keepingCapacity: true) }
    guard let stream else { return try file.write(pending) }
    var done = 0
    var isFinished = false
    repeat {
      let count = min(pending.count - done, 1 << 30)
      let (taken, made, status) = pending.withUnsafeMutableBufferPointer { input in
        compressed.withUnsafeMutableBufferPointer { output in
          stream.pointee.next_in = input.baseAddress.map { $0 + done }
          stream.pointee.avail_in = UInt32(count)
          stream.pointee.next_out = output.baseAddress
          stream.pointee.avail_out = UInt32(output.count)
          let status = deflate(stream, mode)
          return (count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out), status)
        }
      }
      done += taken
      try compressed.withUnsafeBufferPointer { bytes throws(MoultError) in
        try file.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<made])))
      }
      isFinished =
        mode == Z_FINISH ? status == Z_STREAM_END : done == pending.count && made < compressed.count
    } while !isFinished
  }
}
