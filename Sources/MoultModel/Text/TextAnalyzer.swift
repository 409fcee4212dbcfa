/// How terms are found in a text: a tokenizer cuts it into tokens, which filters change or leave out, one filter after the
/// other. Each does what Milvus' tokenizer or filter of that name does.
public struct TextAnalyzer: Sendable, Hashable {
  public enum Tokenizer: Sendable, Hashable {
    /// The longest runs of letters and digits: characters that Unicode calls alphabetic or numeric, of any script. There are no
    /// words in writing without spaces: a run of Chinese is one.
    case standard
    /// Whatever stands between white space of ASCII.
    case whitespace
  }

  public enum Filter: Sendable, Hashable {
    /// Character by character, without regard to those around it.
    case lowercase
    /// See ``ASCIIFolding``.
    case asciiFolding
    /// Leaves out what has other characters than letters and digits of ASCII.
    case alphanumericOnly
    /// Leaves out what has no ideograph.
    case ideographsOnly
    /// Leaves out what has neither an ideograph nor a letter or digit of ASCII.
    case ideographsAndAlphanumericOnly
    /// Leaves out what has punctuation or white space in it.
    case withoutPunctuation
    /// Leaves out what has more bytes of UTF-8.
    case lengthMax(Int)
    /// Leaves out these.
    case stop(Set<ExactText>)
    /// To the stems of English words; of tokens in lower case.
    case englishStemmer
    /// Cuts what is a chain of these words into them, the longest first, and lets the rest be.
    case decompounder(Set<ExactText>)
  }

  public var tokenizer: Tokenizer
  public var filters: [Filter] { didSet { longestWords = Self.longestWords(filters) } }
  /// Bytes of the longest word of each decompounder, so that no token has to look for it; 0 of other filters.
  private var longestWords: [Int]

  public init(_ tokenizer: Tokenizer, _ filters: [Filter]) {
    self.tokenizer = tokenizer
    self.filters = filters
    longestWords = Self.longestWords(filters)
  }

  private static func longestWords(_ filters: [Filter]) -> [Int] {
    filters.map { filter in
      guard case .decompounder(let words) = filter else { return 0 }
      return words.reduce(0) { max($0, $1.text.utf8.count) }
    }
  }

  /// Runs of letters and digits in lower case.
  public static let standard = TextAnalyzer(.standard, [.lowercase])
  /// Their English stems, without ``englishStopWords``.
  public static let english = TextAnalyzer(
    .standard, [.lowercase, .englishStemmer, .stop(englishStopWords)])

  /// What Milvus (and Lucene) mean by `_english_`.
  public static let englishStopWords: Set<ExactText> = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
  ]

  /// In the order of the text.
  public func terms(in text: String) -> [String] { tokens(in: text).map(\.text) }

  /// In the order of the text.
  public func tokens(in text: String) -> [TextToken] {
    var tokens: [TextToken] = []
    forEachToken(in: text) { pass($0, from: 0, to: &tokens) }
    return tokens
  }

  // MARK: Tokenizers

  private func forEachToken(in text: String, _ body: (TextToken) -> Void) {
    let scalars = text.unicodeScalars
    var (index, byte, position) = (scalars.startIndex, 0, 0)
    var start: (index: String.Index, byte: Int)?
    func end() {
      guard let first = start else { return }
      body(
        TextToken(
          text: String(scalars[first.index..<index]), position: position, bytes: first.byte..<byte))
      position += 1
      start = nil
    }
    while index < scalars.endIndex {
      let scalar = scalars[index]
      if isPartOfToken(scalar) {
        if start == nil { start = (index, byte) }
      } else {
        end()
      }
      byte += UTF8.width(scalar)
      index = scalars.index(after: index)
    }
    end()
  }

  private func isPartOfToken(_ scalar: Unicode.Scalar) -> Bool {
    switch tokenizer {
    case .standard: scalar.isASCII ? scalar.isASCIIAlphanumeric : Self.isAlphanumeric(scalar)
    case .whitespace: ![0x20, 0x09, 0x0A, 0x0C, 0x0D].contains(scalar.value)
    }
  }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic { return true }
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
  }

  // MARK: Filters

  /// Takes a token through the filters from `first` on, and what is left of it to `tokens`.
  private func pass(_ token: TextToken, from first: Int, to tokens: inout [TextToken]) {
    var token = token
    for place in first..<filters.count {
      switch filters[place] {
      case .lowercase: token.text = Self.lowercased(token.text)
      case .asciiFolding: token.text = ASCIIFolding.fold(token.text)
      case .englishStemmer: token.text = EnglishStemmer.stem(token.text)
      case .decompounder(let words):
        let parts = Self.parts(of: token.text, words, longest: longestWords[place])
        guard parts.count > 1 else { continue }
        for part in parts {
          token.text = part
          pass(token, from: place + 1, to: &tokens)
        }
        return
      case let filter: guard Self.keeps(token.text, filter) else { return }
      }
    }
    tokens.append(token)
  }

  private static func keeps(_ text: String, _ filter: Filter) -> Bool {
    switch filter {
    case .alphanumericOnly: text.unicodeScalars.allSatisfy(\.isASCIIAlphanumeric)
    case .ideographsOnly: text.unicodeScalars.contains(where: \.properties.isIdeographic)
    case .ideographsAndAlphanumericOnly:
      text.unicodeScalars.contains { $0.isASCIIAlphanumeric || $0.properties.isIdeographic }
    case .withoutPunctuation:
      !text.unicodeScalars.contains { $0.isPunctuation || $0.properties.isWhitespace }
    case .lengthMax(let length): text.utf8.count <= length
    case .stop(let words): !words.contains(ExactText(text))
    case .lowercase, .asciiFolding, .englishStemmer, .decompounder: true
    }
  }

  private static func lowercased(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 >= 0x80 || (0x41...0x5A).contains($0) }) else { return text }
    var lower = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if !scalar.isASCII {
        lower.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      } else {
        // A, Z and their lower case differ in one bit.
        let isUpper = (0x41...0x5A).contains(scalar.value)
        lower.append(isUpper ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
      }
    }
    return String(lower)
  }

  /// The words that a text is a chain of; the text itself where it is none.
  ///
  /// - Parameter longest: bytes of the longest word.
  /// - Complexity: O(length · longest²).
  private static func parts(of text: String, _ words: Set<ExactText>, longest: Int) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    var place = 0
    while place < bytes.count {
      let lengths = stride(from: min(longest, bytes.count - place), to: 0, by: -1)
      let part = lengths.lazy.compactMap { String(validating: bytes[place..<place + $0], as: UTF8.self) }
        .first { words.contains(ExactText($0)) }
      guard let part else { return [text] }
      parts.append(part)
      place += part.utf8.count
    }
    return parts
  }
}

extension Unicode.Scalar {
  fileprivate var isASCIIAlphanumeric: Bool {
    switch value {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
  }

  fileprivate var isPunctuation: Bool {
    switch properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }
}
