internal import MoultModel

/// Times as they are stored: in UTC, with six digits behind the second, so that the order of the texts is that of the times.
enum TimestampText {
  private static let dayMicroseconds: Int64 = 86_400_000_000

  /// - Parameter text: as ``Timestamp`` reads it.
  /// - Returns: `nil` for what is no time of the years 1 … 9999.
  static func stored(_ text: String) -> String? {
    guard let time = Timestamp.microseconds(text) else { return nil }
    let (days, rest) = divided(time, by: dayMicroseconds)
    let (year, month, day) = civil(days)
    guard (1...9_999).contains(year) else { return nil }
    let second = rest / 1_000_000
    let clock = [second / 3_600, second / 60 % 60, second % 60].map { digits($0, 2) }.joined(separator: ":")
    return
      "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(clock).\(digits(rest % 1_000_000, 6))Z"
  }

  /// Without zeros at the end of the second.
  static func shown(_ stored: String) -> String {
    guard stored.hasSuffix("Z"), stored.contains(".") else { return stored }
    var text = stored.dropLast()
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text + "Z"
  }

  private static func digits(_ number: Int64, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  private static func divided(_ number: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  /// The date of a day since 1970, in the Gregorian calendar. Years begin in March here, so that a leap day is the last of
  /// its year, and 400 of them have 146,097 days.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, day) = divided(days + 719_468, by: 146_097)
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    return (
      year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
      dayOfYear - (153 * month + 2) / 5 + 1
    )
  }
}
