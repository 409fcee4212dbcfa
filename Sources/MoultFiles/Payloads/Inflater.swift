import CZlib
import MoultModel

/// A stream of bytes from a file, decompressed if the file is gzip.
///
/// Gzip is recognized by its first two bytes, which begin no JSON text. Several members one after another
/// are one stream, as for `gzip -d`; zeros behind the last one are ignored (tape and block padding).
struct Inflater: ~Copyable {
  private let file: InputFile
  private let input: UnsafeMutableRawBufferPointer
  private var inputStart = 0
  private var inputEnd = 0
  /// zlib keeps its address, so it must not move; `nil` for plain files.
  private let stream: UnsafeMutablePointer<z_stream>?
  /// Whether a member has begun and its checksum has not been seen.
  private var isInMember = false

  private static let bufferSizeBytes = 1 << 18
  static let window = MAX_WBITS + 16  // 16: a gzip wrapper, with checksum

  init(path: String) throws(MoultError) {
    let file = try InputFile(path: path, onlyRegular: false)
    let input = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSizeBytes, alignment: 64)
    let stream: UnsafeMutablePointer<z_stream>?
    do throws(MoultError) {
      // A pipe may hand out a single byte first.
      while inputEnd < 2 {
        let count = try file.readNext(into: UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...]))
        if count == 0 { break }
        inputEnd += count
      }
      stream = try Self.stream(for: input[..<inputEnd], path)
    } catch {
      input.deallocate()
      throw error
    }
    self.file = file
    self.input = input
    self.stream = stream
  }

  /// A decompressor if these first bytes are gzip's.
  private static func stream(
    for start: Slice<UnsafeMutableRawBufferPointer>, _ path: String
  ) throws(MoultError) -> UnsafeMutablePointer<z_stream>? {
    guard start.count >= 2, start[0] == 0x1F, start[1] == 0x8B else {
      guard !path.hasSuffix(".gz") else {
        throw MoultError(.corrupted, "'\(path)': expected a gzip file (bytes 1F 8B), found something else")
      }
      return nil
    }
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let status = inflateInit2_(stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib refused to start: \(status)")
    return stream
  }

  deinit {
    input.deallocate()
    if let stream {
      inflateEnd(stream)
      stream.deallocate()
    }
  }

  /// The next bytes, at least one unless the stream is at its end.
  ///
  /// - Throws: `corrupted` if the compressed data are damaged or end too early.
  mutating func read(into output: UnsafeMutableRawBufferPointer) throws(MoultError) -> Int {
    guard let stream else { return try readPlain(into: output) }
    while true {
      if inputStart == inputEnd { try refill() }
      guard inputStart < inputEnd else {
        guard !isInMember else {
          throw MoultError(.corrupted, "the file is truncated: its gzip data end too early")
        }
        return 0
      }
      if !isInMember, try !beginMember(stream) { continue }
      let count = try inflate(stream, into: output)
      if count > 0 { return count }
    }
  }

  /// - Returns: whether a member begins; `false` when padding was skipped instead.
  private mutating func beginMember(_ stream: UnsafeMutablePointer<z_stream>) throws(MoultError) -> Bool {
    if input[inputStart] == 0 {
      inputStart += 1
      return false
    }
    guard input[inputStart] == 0x1F else {
      throw MoultError(.corrupted, "the gzip data are followed by something else")
    }
    inflateReset(stream)
    isInMember = true
    return true
  }

  private mutating func inflate(
    _ stream: UnsafeMutablePointer<z_stream>, into output: UnsafeMutableRawBufferPointer
  ) throws(MoultError) -> Int {
    let outputSize = min(output.count, Int(UInt32.max))
    stream.pointee.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self) + inputStart
    stream.pointee.avail_in = UInt32(inputEnd - inputStart)
    stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(outputSize)
    let status = CZlib.inflate(stream, Z_NO_FLUSH)
    inputStart = inputEnd - Int(stream.pointee.avail_in)
    switch status {
    case Z_STREAM_END: isInMember = false
    case Z_OK, Z_BUF_ERROR: break
    default:
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "code \(status)"
      throw MoultError(.corrupted, "the gzip data are damaged (\(reason))")
    }
    return outputSize - Int(stream.pointee.avail_out)
  }

  private mutating func readPlain(into output: UnsafeMutableRawBufferPointer) throws(MoultError) -> Int {
    guard inputStart < inputEnd else { return try file.readNext(into: output) }
    let count = min(output.count, inputEnd - inputStart)
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputStart..<(inputStart + count)]))
    inputStart += count
    return count
  }

  private mutating func refill() throws(MoultError) {
    inputStart = 0
    inputEnd = try file.readNext(into: input)
  }
}
