import MoultModel

/// The header of one entry of a backup: a tar header (POSIX.1-1988 "ustar"), of which a name and a size make all 512
/// bytes, so that every byte of it is checked by making it again.
///
/// | Bytes | Field |
/// |---|---|
/// | 0 ..< 100 | name, ended by a NUL where it is shorter |
/// | 100 ..< 108, 108 ..< 116, 116 ..< 124 | mode "0000644", owner and group "0000000", each with a NUL |
/// | 124 ..< 136 | size: 11 octal digits and a NUL |
/// | 136 ..< 148 | seconds since 1970 when the backup began, likewise; the same in all entries |
/// | 148 ..< 156 | sum of the header's bytes, these taken as spaces: 6 octal digits, NUL, space |
/// | 156 | "0": a file |
/// | 257 ..< 265 | "ustar", NUL, "00" |
/// | 329 ..< 337, 337 ..< 345 | device numbers "0000000" with a NUL |
/// | all others | 0 |
package struct ArchiveEntry: Sendable, Equatable {
  static let sizeBytes = 512
  /// What 11 octal digits hold.
  static let contentBytesMax = 1 << 33 - 1

  package let name: String
  package let size: Int
  /// Where its header begins in the archive.
  package let offset: Int
  let seconds: Int

  /// Zeros behind the content, up to the next multiple of 512.
  var paddingBytes: Int { (Self.sizeBytes - size % Self.sizeBytes) % Self.sizeBytes }

  /// - Throws: `unsupported` for a content of 8 GiB or more, which a tar header cannot tell.
  init(name: String, size: Int, offset: Int, seconds: Int) throws {
    precondition(!name.isEmpty && name.utf8.count <= 100 && size >= 0)
    guard size <= Self.contentBytesMax else {
      throw MoultError(
        .unsupported, "'\(name)' has \(size) bytes; a backup holds files of up to \(Self.contentBytesMax)")
    }
    (self.name, self.size, self.offset) = (name, size, offset)
    self.seconds = min(max(0, seconds), Self.contentBytesMax)
  }

  /// - Throws: `corrupted` with the place in the archive.
  init(decoding bytes: [UInt8], at offset: Int) throws {
    precondition(bytes.count == Self.sizeBytes)
    let name = bytes[..<100].prefix { $0 != 0 }
    guard !name.isEmpty, name.allSatisfy({ (0x21...0x7E).contains($0) }),
      let size = Self.number(bytes[124..<135]), let seconds = Self.number(bytes[136..<147])
    else {
      throw backupDamage(at: offset, "expected the header of an entry, found other bytes")
    }
    self = try ArchiveEntry(
      name: String(decoding: name, as: UTF8.self), size: size, offset: offset, seconds: seconds)
    let expected = encoded()
    if let place = (0..<Self.sizeBytes).first(where: { bytes[$0] != expected[$0] }) {
      throw backupDamage(
        at: offset + place,
        "the header of entry '\(self.name)': expected byte \(expected[place]), found \(bytes[place])")
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (0x30...0x37).contains(digit) else { return nil }
      value = value << 3 | Int(digit - 0x30)
    }
    return value
  }

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.sizeBytes)
    func store(_ text: String, at offset: Int) {
      bytes.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
    }
    func octal(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.utf8.count) + text
    }
    store(name, at: 0)
    store("0000644", at: 100)
    store("0000000", at: 108)
    store("0000000", at: 116)
    store(octal(size, digits: 11), at: 124)
    store(octal(seconds, digits: 11), at: 136)
    store("        ", at: 148)
    store("0", at: 156)
    store("ustar", at: 257)
    store("00", at: 263)
    store("0000000", at: 329)
    store("0000000", at: 337)
    let sum = bytes.reduce(0) { $0 + Int($1) }
    store(octal(sum, digits: 6), at: 148)
    bytes[154] = 0
    return bytes
  }
}

/// One wording for what is wrong in a backup.
func backupDamage(at offset: Int, _ what: String) -> MoultError {
  MoultError(.corrupted, "the backup is damaged at byte \(offset): \(what)")
}
