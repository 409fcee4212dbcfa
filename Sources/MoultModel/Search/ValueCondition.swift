/// What one of the values that a path reaches must fulfil.
///
/// An array that is reached stands for its elements, one level deep, except in the last three conditions, which are
/// about the value as it is.
public enum ValueCondition: Sendable, Hashable {
  /// Equal in type and value. Integers and other numbers are of different types.
  case isOneOf([PointFilter.Scalar])
  /// Not null, and none of these.
  case isNoneOf([PointFilter.Scalar])
  /// A number between bounds; a bound that is `nil` does not bind.
  case isBetween(lower: PointFilter.Bound?, upper: PointFilter.Bound?)
  /// A text that says a time (``Timestamp``) in a range of microseconds since 1970.
  case isTime(in: ClosedRange<Int64>)
  /// A text with words in it; see ``WordMatch``.
  case hasWords(WordMatch)
  case hasPrefix(ExactText)
  case hasSubstring(ExactText)
  /// An object whose `lat` and `lon` say a place in an area.
  case isPlace(in: GeoArea)
  /// Null or an empty array. A path that reaches nothing fulfils it, one that reaches several values only if all do.
  case isEmpty
  /// Null, or an array with null among its elements.
  case isNull
  /// Elements of an array, 0 of null, otherwise 1; a path that reaches nothing counts as 0.
  case hasCount(lower: PointFilter.Bound?, upper: PointFilter.Bound?)

  /// Values that it compares with.
  var valueCount: Int {
    switch self {
    case .isOneOf(let values), .isNoneOf(let values): values.count
    case .hasWords(let match): match.words.count
    case .isPlace(.polygon(let polygon)): polygon.cornerCount
    case .isBetween, .isTime, .hasPrefix, .hasSubstring, .isPlace, .isEmpty, .isNull, .hasCount: 2
    }
  }
}

/// Words of a text: runs of letters and digits, in lower case.
public struct WordMatch: Sendable, Hashable {
  public enum Rule: Int, Sendable, Hashable {
    case all, any
    /// One after the other, with no other word in between.
    case phrase
  }

  public var words: [ExactText]
  public var rule: Rule

  public init(_ text: String, _ rule: Rule) {
    words = Self.words(of: text).map { ExactText($0) }
    self.rule = rule
  }

  /// In the order of the text.
  public static func words(of text: String) -> [String] {
    text.unicodeScalars.split { !isPartOfWord($0) }.map { String($0).lowercased() }
  }

  private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber:
      true
    default: false
    }
  }

  /// Whether a text has the words. No text has none.
  public static func holds(_ rule: Rule, _ wanted: [some StringProtocol], in text: String) -> Bool {
    guard !wanted.isEmpty else { return false }
    let words = words(of: text)
    switch rule {
    case .all:
      let words = Set(words)
      return wanted.allSatisfy { words.contains(String($0)) }
    case .any:
      let wanted = Set(wanted.map { String($0) })
      return words.contains(where: wanted.contains)
    case .phrase:
      guard words.count >= wanted.count else { return false }
      return (0...(words.count - wanted.count)).contains { first in
        zip(words[first...], wanted).allSatisfy { $0 == $1 }
      }
    }
  }
}
