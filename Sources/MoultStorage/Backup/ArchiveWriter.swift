/// Makes the bytes of an archive; whoever calls it sends them on.
///
/// ```
/// | header | content | zeros to 512 | … | header of MOULT-END | index | zeros to 512 | 1 024 zeros |
/// ```
///
/// The index has a line for every entry, "CRC-32 size offset name", with eight hexadecimal digits and decimal numbers,
/// the offset being that of the entry's header, and at last "CRC-32 bytes total" of all that stands before the header
/// of `MOULT-END`. The reader makes it again from what it has read and wants the same bytes.
///
/// A backup that fails half-way ends with the entry `MOULT-FAILED` instead: error code, a line feed, the message.
struct ArchiveWriter {
  static let endName = "MOULT-END"
  static let failureName = "MOULT-FAILED"
  static let endZeros = 2 * ArchiveEntry.sizeBytes

  private let seconds: Int
  private(set) var index = ArchiveIndex()
  private var entry: ArchiveEntry?
  private var content = SegmentChecksum()

  /// - Parameter seconds: since 1970.
  init(seconds: Int) { self.seconds = seconds }

  /// Begins an entry.
  ///
  /// - Returns: its header.
  mutating func begin(_ name: String, size: Int) throws -> [UInt8] {
    precondition(entry == nil)
    entry = try ArchiveEntry(name: name, size: size, offset: index.byteCount, seconds: seconds)
    content = SegmentChecksum()
    return entry!.encoded()
  }

  /// Accounts for content that is sent.
  mutating func append(_ bytes: UnsafeRawBufferPointer) { content.update(bytes) }

  /// Ends an entry whose content is complete.
  ///
  /// - Returns: the zeros behind it.
  mutating func end() -> [UInt8] {
    guard let entry else { preconditionFailure("no entry has begun") }
    precondition(
      content.byteCount == entry.size, "\(entry.name): \(content.byteCount) of \(entry.size) bytes")
    index.add(entry, content: content)
    self.entry = nil
    return [UInt8](repeating: 0, count: entry.paddingBytes)
  }

  /// A whole entry.
  mutating func entry(_ name: String, _ bytes: [UInt8]) throws -> [UInt8] {
    var all = try begin(name, size: bytes.count)
    bytes.withUnsafeBytes { append($0) }
    all += bytes
    all += end()
    return all
  }

  /// The end of the archive.
  mutating func finish() throws -> [UInt8] {
    let text = Array(index.text.utf8)
    return try entry(Self.endName, text) + [UInt8](repeating: 0, count: Self.endZeros)
  }
}

/// What an archive holds so far: the text of `MOULT-END`.
struct ArchiveIndex {
  private(set) var entries: [(entry: ArchiveEntry, checksum: UInt32)] = []
  private var total = SegmentChecksum()

  /// Bytes so far, headers and zeros included.
  var byteCount: Int { total.byteCount }

  mutating func add(_ entry: ArchiveEntry, content: SegmentChecksum) {
    entry.encoded().withUnsafeBytes { total.update($0) }
    total.append(content)
    total.updateZeros(count: entry.paddingBytes)
    entries.append((entry, content.value))
  }

  /// As the archive tells it, by lines.
  var lines: [String] {
    entries.map { "\(hexadecimal($0.checksum)) \($0.entry.size) \($0.entry.offset) \($0.entry.name)" }
      + ["\(hexadecimal(total.value)) \(total.byteCount) total"]
  }

  var text: String { lines.joined(separator: "\n") + "\n" }
}

func hexadecimal(_ checksum: UInt32) -> String {
  let digits = String(checksum, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
