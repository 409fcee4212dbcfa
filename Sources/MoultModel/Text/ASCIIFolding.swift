import Foundation

/// Brings characters to those of ASCII that people take for them: "Straße" to "Strasse", "naïve" to "naive".
///
/// A character is taken apart as Unicode's compatibility decomposition does, and its marks are left out; some letters that have no
/// decomposition have a spelling here. Whatever does not end up in ASCII stays as it was.
public enum ASCIIFolding {
  public static func fold(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
    var folded = ""
    for scalar in text.unicodeScalars {
      if scalar.isASCII { folded.unicodeScalars.append(scalar) } else { folded += fold(scalar) }
    }
    return folded
  }

  private static func fold(_ scalar: Unicode.Scalar) -> String {
    let whole = String(scalar)
    var folded = ""
    for part in whole.decomposedStringWithCompatibilityMapping.unicodeScalars {
      if let spelling = spellings[part] {
        folded += spelling
      } else if part.isASCII {
        folded.unicodeScalars.append(part)
      } else if part.properties.generalCategory != .nonspacingMark {
        return whole
      }
    }
    return folded.isEmpty ? whole : folded
  }

  private static let spellings: [Unicode.Scalar: String] = [
    "ß": "ss", "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l",
    "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "TH", "þ": "th", "Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t",
    "Ŋ": "N", "ŋ": "n", "ı": "i", "ȷ": "j", "ĸ": "q", "Ə": "A", "ə": "a", "Ƀ": "B", "ƀ": "b", "Ɨ": "I",
    "ɨ": "i", "Ʉ": "U", "ʉ": "u", "Ƶ": "Z", "ƶ": "z", "Ǥ": "G", "ǥ": "g", "Ⱥ": "A", "ⱥ": "a", "Ɇ": "E",
    "ɇ": "e", "Ɉ": "J", "ɉ": "j", "Ɍ": "R", "ɍ": "r", "Ɏ": "Y", "ɏ": "y", "ƒ": "f", "Ƒ": "F", "‘": "'",
    "’": "'", "‚": "'", "‛": "'", "“": "\"", "”": "\"", "„": "\"", "«": "\"", "»": "\"", "‐": "-", "‑": "-",
    "‒": "-", "–": "-", "—": "-", "⁄": "/",
  ]
}
