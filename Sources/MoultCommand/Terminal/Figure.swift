internal import Foundation

/// Numbers as people read them.
enum Figure {
  /// "0.043 s", "12.3 s", "3 min 05 s".
  static func seconds(_ seconds: Double) -> String {
    if seconds < 10 { return fixed(seconds, 3) + " s" }
    if seconds < 120 { return fixed(seconds, 1) + " s" }
    let whole = Int(seconds.rounded())
    return "\(whole / 60) min \(whole % 60 < 10 ? "0" : "")\(whole % 60) s"
  }

  static func milliseconds(_ seconds: Double) -> String { fixed(seconds * 1000, 2) }

  /// With `places` digits after the point.
  static func fixed(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

  /// The same with its sign: "+0.0012".
  static func signed(_ value: Double, _ places: Int) -> String { String(format: "%+.\(places)f", value) }

  /// "4", "0.75": six digits at most, no zeros at the end.
  static func short(_ value: Double) -> String { String(format: "%g", value) }

  /// "1,234,567".
  static func grouped(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + text
  }

  /// "620", "48.1k", "480k", "1.0M": three digits at most before the unit.
  static func compact(_ count: Double) -> String {
    var value = count
    for unit in ["", "k", "M", "G"] {
      if value < 999.5 || unit == "G" { return fixed(value, unit.isEmpty || value >= 99.95 ? 0 : 1) + unit }
      value /= 1000
    }
    return ""
  }

  /// "1.5 GB": powers of ten.
  static func bytes(_ count: Double) -> String {
    var value = count
    for unit in ["B", "kB", "MB", "GB", "TB"] {
      if value < 1000 || unit == "TB" { return fixed(value, unit == "B" ? 0 : 1) + " " + unit }
      value /= 1000
    }
    return ""
  }

  /// A moment, milliseconds since 1970, as ISO 8601 in UTC.
  static func moment(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
  }
}
