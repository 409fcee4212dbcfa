/// Times as texts say them.
public enum Timestamp {
  /// Microseconds since the beginning of 1970, UTC; finer digits are cut off.
  ///
  /// RFC 3339, and looser forms: a space for the `T`; no offset (UTC); an offset of hours alone, behind a space, or
  /// spelled `UTC`; no seconds; the date alone.
  public static func microseconds(_ text: String) -> Int64? {
    var text = text
    return text.withUTF8 { bytes in
      var reader = Reader(bytes: bytes)
      return reader.time()
    }
  }

  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private var current: UInt8 { offset < bytes.count ? bytes[offset] : 0 }
    private var isAtEnd: Bool { offset == bytes.count }

    private var isAtSpace: Bool { current == 0x20 || (0x09...0x0D).contains(current) }

    private mutating func skip(_ byte: Character) -> Bool {
      guard !isAtEnd, current == byte.asciiValue else { return false }
      offset += 1
      return true
    }

    private mutating func skipSpaces() { while !isAtEnd, isAtSpace { offset += 1 } }

    /// At least `least` digits and at most `most`.
    private mutating func number(_ least: Int, _ most: Int) -> Int64? {
      let start = offset
      var value: Int64 = 0
      while offset - start < most, !isAtEnd, case let digit = current &- 0x30, digit < 10 {
        value = value * 10 + Int64(digit)
        offset += 1
      }
      return offset - start >= least ? value : nil
    }

    mutating func time() -> Int64? {
      skipSpaces()
      guard let year = number(4, 4), year > 0, skip("-"), let month = number(1, 2), (1...12).contains(month),
        skip("-"), let day = number(1, 2), (1...Timestamp.days(inMonth: month, of: year)).contains(day)
      else { return nil }
      let midnight = Timestamp.days(to: year, month, day) * 86_400
      if isAtEnd { return midnight * 1_000_000 }
      if !skip("T"), !skip("t") {
        guard isAtSpace else { return nil }
        skipSpaces()
      }
      guard let hour = number(1, 2), hour < 24, skip(":"), let minute = number(1, 2), minute < 60 else {
        return nil
      }
      var seconds = midnight + hour * 3_600 + minute * 60
      if isAtEnd { return seconds * 1_000_000 }
      guard skip(":"), let second = number(1, 2), second < 60 else { return nil }
      seconds += second
      var fraction: Int64 = 0
      if skip(".") {
        let start = offset
        guard let digits = number(1, 6) else { return nil }
        fraction = digits
        for _ in (offset - start)..<6 { fraction *= 10 }
        while !isAtEnd, current &- 0x30 < 10 { offset += 1 }
      }
      guard let offset = zone() else { return nil }
      return (seconds - offset) * 1_000_000 + fraction
    }

    /// The rest, as seconds east of Greenwich.
    private mutating func zone() -> Int64? {
      if isAtEnd { return 0 }
      let hasSpace = isAtSpace
      skipSpaces()
      if hasSpace, bytes.count - offset == 3, bytes[offset...].elementsEqual("UTC".utf8) { return 0 }
      if skip("Z") || skip("z") { return isAtEnd ? 0 : nil }
      let isWest = current == UInt8(ascii: "-")
      guard skip("+") || skip("-"), let hours = number(2, 2), hours < 24 else { return nil }
      var seconds = hours * 3_600
      if !isAtEnd {
        _ = skip(":")
        guard let minutes = number(2, 2), minutes < 60, isAtEnd else { return nil }
        seconds += minutes * 60
      }
      return isWest ? -seconds : seconds
    }
  }

  private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// Days since 1 January 1970, by counting years from March on, so that the leap day comes last.
  private static func days(to year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let march = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    let ofYear = (153 * monthFromMarch + 2) / 5 + day - 1
    return march * 365 + march / 4 - march / 100 + march / 400 + ofYear - 719_468
  }
}
