public import MoultModel

/// Makes sparse vectors of texts as the model `qdrant/bm25` does; see `TextWeighting`.
///
/// Words are runs of letters and digits in lower case; stop words are left out, then the others are brought to their
/// stems. A word's index is |h| of its 32-bit MurmurHash3 h as a signed number; words that share theirs count as one.
public enum TextWeights {
  /// Of a text that is stored: of n occurrences of a word in a text of l words the value is
  /// `n·(k + 1) / (n + k·(1 − b + b·l/averageLength))`.
  public static func stored(_ text: String, _ weighting: TextWeighting) -> SparseVector {
    let words = words(in: text, weighting)
    var counts: [UInt32: Double] = [:]
    for word in words { counts[index(of: word), default: 0] += 1 }
    let (k, b) = (weighting.k, weighting.b)
    let length = k * (1 - b + b * Double(words.count) / weighting.averageLength)
    let sorted = counts.sorted { $0.key < $1.key }
    return SparseVector(
      checked: sorted.map(\.key), sorted.map { Float($0.value * (k + 1) / ($0.value + length)) })
  }

  /// Of a text that is searched for: 1 for each word.
  public static func asked(_ text: String, _ weighting: TextWeighting) -> SparseVector {
    let indices = Set(words(in: text, weighting).map(index)).sorted()
    return SparseVector(checked: indices, indices.map { _ in 1 })
  }

  /// In the order of the text.
  static func words(in text: String, _ weighting: TextWeighting) -> [String] {
    TextAnalyzer.standard.terms(in: text).compactMap { word in
      guard !weighting.stopWords.contains(word) else { return nil }
      let word = weighting.stems ? EnglishStemmer.stem(word) : word
      let length = word.unicodeScalars.count
      return length >= weighting.lengthMin && length <= weighting.lengthMax ? word : nil
    }
  }

  /// *Changing this makes stored vectors meaningless.*
  static func index(of word: String) -> UInt32 { Int32(bitPattern: MurmurHash3.hash(word.utf8)).magnitude }
}
