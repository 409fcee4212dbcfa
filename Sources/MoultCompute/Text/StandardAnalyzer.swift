/// Cuts text into words as Milvus' `standard` analyzer does: the longest runs of letters and digits, in lower case,
/// in the order of the text. With stems and ``englishStopWords`` it is the `english` one.
///
/// Letters and digits are the characters that Unicode calls alphabetic or numeric, of any script. There are no
/// words in writing without spaces: a run of Chinese is one.
public struct StandardAnalyzer: Sendable, Equatable {
  /// In lower case; left out. Where words are stemmed, it is stems that are compared with these.
  public var stopWords: Set<String>
  /// Whether words are brought to their English stems.
  public var stems: Bool

  public init(stopWords: Set<String> = [], stems: Bool = false) {
    self.stopWords = stopWords
    self.stems = stems
  }

  /// What Milvus (and Lucene) mean by `_english_`.
  public static let englishStopWords: Set<String> = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not",
    "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
    "will", "with",
  ]

  public func words(in text: String) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func end() {
      guard !word.isEmpty else { return }
      let text = stems ? EnglishStemmer.stem(String(word)) : String(word)
      word.removeAll(keepingCapacity: true)
      if !stopWords.contains(text) { words.append(text) }
    }
    for scalar in text.unicodeScalars {
      if scalar.isASCII {
        // A, Z and their lower case differ in one bit.
        switch scalar.value {
        case 0x61...0x7A, 0x30...0x39: word.append(scalar)
        case 0x41...0x5A: word.append(Unicode.Scalar(scalar.value | 0x20)!)
        default: end()
        }
      } else if StandardAnalyzer.isAlphanumeric(scalar) {
        word.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      } else {
        end()
      }
    }
    end()
    return words
  }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic { return true }
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
  }
}
