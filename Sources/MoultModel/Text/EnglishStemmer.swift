/// Brings English words to their stems, so that "connected" finds "connection": Porter's second algorithm
/// (<https://snowballstem.org/algorithms/english/stemmer.html>, as of Snowball 2), which Milvus' `english` analyzer has.
///
/// Words are in lower case. What is not ASCII counts as consonants.
public enum EnglishStemmer {
  public static func stem(_ word: String) -> String {
    var bytes = Array(word.utf8)
    // Shorter words stay.
    guard bytes.count > 2 else { return word }
    if let stem = exceptions[word] { return stem }
    if bytes.first == Stemming.apostrophe { bytes.removeFirst() }
    markConsonantYs(&bytes)
    var stemming = Stemming(word: bytes)
    stemming.run()
    return String(
      decoding: stemming.word.map { $0 == Stemming.consonantY ? UInt8(ascii: "y") : $0 }, as: UTF8.self)
  }

  private static let exceptions = [
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl",
    "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl", "sky": "sky",
    "news": "news", "howe": "howe", "atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
  ]

  /// A y that begins the word, or follows a vowel, is none itself.
  private static func markConsonantYs(_ word: inout [UInt8]) {
    for place in word.indices where word[place] == UInt8(ascii: "y") {
      if place == 0 || Stemming.isVowel(word[place - 1]) { word[place] = Stemming.consonantY }
    }
  }
}

/// A word on its way to its stem.
private struct Stemming {
  private(set) var word: [UInt8]
  /// Where the regions begin in which suffixes are taken off.
  private let r1: Int
  private let r2: Int

  static let consonantY = UInt8(ascii: "Y")
  static let apostrophe = UInt8(ascii: "'")

  init(word: [UInt8]) {
    self.word = word
    let prefix = ["gener", "commun", "arsen"].first { word.starts(with: $0.utf8) }
    r1 = prefix?.utf8.count ?? Self.region(word, from: 0)
    r2 = Self.region(word, from: r1)
  }

  mutating func run() {
    possessive()
    plural()
    let invariant = ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"]
    if invariant.contains(where: { word.elementsEqual($0.utf8) }) { return }
    past()
    finalY()
    derived()
    derivedFurther()
    residual()
    last()
  }

  // MARK: Letters

  static func isVowel(_ letter: UInt8) -> Bool {
    switch letter {
    case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"),
      UInt8(ascii: "y"):
      true
    default: false
    }
  }

  /// Behind the first consonant that follows a vowel.
  private static func region(_ word: [UInt8], from start: Int) -> Int {
    var place = start + 1
    while place < word.count {
      if isVowel(word[place - 1]), !isVowel(word[place]) { return place + 1 }
      place += 1
    }
    return word.count
  }

  private func ends(in suffix: StaticString) -> Bool {
    let count = suffix.utf8CodeUnitCount
    return word.count >= count
      && word[(word.count - count)...].elementsEqual(
        UnsafeBufferPointer(start: suffix.utf8Start, count: count))
  }

  private func hasVowel(before end: Int) -> Bool { end > 0 && word[..<end].contains(where: Self.isVowel) }

  /// A vowel between consonants, the last of them no w, x or Y; or one that begins the word, with a consonant behind it.
  private func isShortSyllable(endingAt end: Int) -> Bool {
    guard end >= 2, !Self.isVowel(word[end - 1]), Self.isVowel(word[end - 2]) else { return false }
    if end == 2 { return true }
    let isOpen = [UInt8(ascii: "w"), UInt8(ascii: "x"), Self.consonantY].contains(word[end - 1])
    return !isOpen && !Self.isVowel(word[end - 3])
  }

  private mutating func replace(_ count: Int, with ending: StaticString = "") {
    word.removeLast(count)
    word += UnsafeBufferPointer(start: ending.utf8Start, count: ending.utf8CodeUnitCount)
  }

  // MARK: Steps

  /// 0: "fox's".
  private mutating func possessive() {
    let suffixes: [(StaticString, Int)] = [("'s'", 3), ("'s", 2), ("'", 1)]
    if let (_, count) = suffixes.first(where: { ends(in: $0.0) }) { replace(count) }
  }

  /// 1a: "ponies", "glasses", "gaps".
  private mutating func plural() {
    if ends(in: "sses") {
      replace(2)
    } else if ends(in: "ied") || ends(in: "ies") {
      replace(word.count > 4 ? 2 : 1)
    } else if ends(in: "us") || ends(in: "ss") {
      return
    } else if ends(in: "s"), hasVowel(before: word.count - 2) {
      replace(1)
    }
  }

  /// 1b: "agreed", "hopping".
  private mutating func past() {
    for (suffix, count) in [("eedly", 5), ("eed", 3)] as [(StaticString, Int)] where ends(in: suffix) {
      if word.count - count >= r1 { replace(count, with: "ee") }
      return
    }
    let suffixes: [(StaticString, Int)] = [("ingly", 5), ("edly", 4), ("ing", 3), ("ed", 2)]
    guard let (_, count) = suffixes.first(where: { ends(in: $0.0) }), hasVowel(before: word.count - count)
    else { return }
    replace(count)
    let last = word.last ?? 0
    if ends(in: "at") || ends(in: "bl") || ends(in: "iz") {
      replace(0, with: "e")
    } else if word.count > 1, last == word[word.count - 2], "bdfgmnprt".utf8.contains(last) {
      replace(1)
    } else if word.count == r1, isShortSyllable(endingAt: word.count) {
      replace(0, with: "e")
    }
  }

  /// 1c: "cry", but not "by" and "say".
  private mutating func finalY() {
    guard ends(in: "y") || ends(in: "Y"), word.count > 2, !Self.isVowel(word[word.count - 2]) else { return }
    replace(1, with: "i")
  }

  /// What a suffix becomes, the longest first.
  private typealias Rule = (suffix: StaticString, ending: StaticString)

  private static let derivations: [Rule] = [
    ("ational", "ate"), ("fulness", "ful"), ("iveness", "ive"), ("ization", "ize"), ("ousness", "ous"),
    ("biliti", "ble"), ("lessli", "less"), ("tional", "tion"), ("alism", "al"), ("aliti", "al"),
    ("ation", "ate"), ("entli", "ent"), ("fulli", "ful"), ("iviti", "ive"), ("ousli", "ous"),
    ("abli", "able"), ("alli", "al"), ("anci", "ance"), ("ator", "ate"), ("enci", "ence"), ("izer", "ize"),
    ("bli", "ble"), ("ogi", "og"), ("li", ""),
  ]

  /// 2: "relational", "operator".
  private mutating func derived() {
    guard let rule = Self.derivations.first(where: { ends(in: $0.suffix) }) else { return }
    let start = word.count - rule.suffix.utf8CodeUnitCount
    guard start >= r1 else { return }
    let before = start > 0 ? word[start - 1] : 0
    if rule.suffix.utf8CodeUnitCount == 2, !"cdeghkmnrt".utf8.contains(before) { return }
    if ends(in: "ogi"), before != UInt8(ascii: "l") { return }
    replace(rule.suffix.utf8CodeUnitCount, with: rule.ending)
  }

  private static let furtherDerivations: [Rule] = [
    ("ational", "ate"), ("tional", "tion"), ("alize", "al"), ("icate", "ic"), ("iciti", "ic"), ("ative", ""),
    ("ical", "ic"), ("ness", ""), ("ful", ""),
  ]

  /// 3: "electrical", "goodness".
  private mutating func derivedFurther() {
    guard let rule = Self.furtherDerivations.first(where: { ends(in: $0.suffix) }) else { return }
    let start = word.count - rule.suffix.utf8CodeUnitCount
    guard start >= (ends(in: "ative") ? max(r1, r2) : r1) else { return }
    replace(rule.suffix.utf8CodeUnitCount, with: rule.ending)
  }

  private static let residuals: [StaticString] = [
    "ement", "able", "ance", "ence", "ible", "ment", "ant", "ate", "ent", "ion", "ism", "iti", "ive", "ize",
    "ous", "al", "er", "ic",
  ]

  /// 4: "allowance", "adoption".
  private mutating func residual() {
    guard let suffix = Self.residuals.first(where: ends) else { return }
    let start = word.count - suffix.utf8CodeUnitCount
    guard start >= r2 else { return }
    if ends(in: "ion"), start == 0 || !"st".utf8.contains(word[start - 1]) { return }
    replace(suffix.utf8CodeUnitCount)
  }

  /// 5: "probate", "controll".
  private mutating func last() {
    let start = word.count - 1
    if ends(in: "e") {
      if start >= r2 || (start >= r1 && !isShortSyllable(endingAt: start)) { replace(1) }
    } else if ends(in: "ll"), start >= r2 {
      replace(1)
    }
  }
}
