import MoultModel
import Testing

@Suite("Analyzers of texts")
struct TextAnalyzerTests {
  @Test(
    "words are runs of letters and digits of any script, in lower case",
    arguments: [
      ("", ""),
      ("The Milvus vector database is built for scale!", "the milvus vector database is built for scale"),
      ("The 2 QUICK Brown-Foxes dog's 32.3 中文 x", "the 2 quick brown foxes dog s 32 3 中文 x"),
      ("---abc123---DEF_456---", "abc123 def 456"),
      ("éclair Straße ΕΛΛΗΝΙΚΆ русский 日本語", "éclair straße ελληνικά русский 日本語"),
      ("٣٤ Ⅷ ½", "٣٤ ⅷ ½"),
    ])
  func words(text: String, words: String) {
    #expect(TextAnalyzer.standard.terms(in: text) == words.split(separator: " ").map(String.init))
  }

  @Test("the English one has stems, and leaves stop words out behind them")
  func english() {
    #expect(
      TextAnalyzer.english.terms(in: "The runners were running to these connections") == [
        "runner", "were", "run", "connect",
      ])
    // The example of Milvus' page on this analyzer.
    var page = TextAnalyzer.english
    page.filters.append(.stop(["a", "an", "the"]))
    #expect(
      page.terms(in: "Milvus is a vector database built for scale!") == [
        "milvus", "vector", "databas", "built", "scale",
      ])
    #expect(TextAnalyzer.englishStopWords.count == 33)
  }

  @Test("tokens say where they stood: bytes of the text, and places with gaps for what is left out")
  func tokens() {
    let text = "Ünder  the 中文 Sea"
    let analyzer = TextAnalyzer(.standard, [.lowercase, .stop(["the"])])
    #expect(
      analyzer.tokens(in: text) == [
        TextToken(text: "ünder", position: 0, bytes: 0..<6),
        TextToken(text: "中文", position: 2, bytes: 12..<18),
        TextToken(text: "sea", position: 3, bytes: 19..<22),
      ])
    for token in TextAnalyzer(.whitespace, []).tokens(in: text) {
      #expect(Array(text.utf8)[token.bytes].elementsEqual(token.text.utf8))
    }
  }

  @Test("white space alone cuts where it is asked to")
  func whitespace() {
    #expect(
      TextAnalyzer(.whitespace, []).terms(in: " The\tdog's\n32.3\u{A0}x ") == ["The", "dog's", "32.3\u{A0}x"])
  }

  @Test("each filter does what it is for, in the order in which they stand")
  func filters() {
    func terms(_ filters: TextAnalyzer.Filter..., text: String) -> String {
      TextAnalyzer(.whitespace, filters).terms(in: text).joined(separator: " ")
    }
    #expect(terms(.lowercase, text: "ÄB ΣΑΣ Z") == "äb σασ z")
    #expect(terms(.stop(["the"]), .lowercase, text: "The the THE") == "the the")
    #expect(terms(.lowercase, .stop(["the"]), text: "The the THE") == "")
    #expect(terms(.alphanumericOnly, text: "ab1 a-b é 中") == "ab1")
    #expect(terms(.ideographsOnly, text: "ab 中a 、 か") == "中a")
    #expect(terms(.ideographsAndAlphanumericOnly, text: "ab 中、 、 é ...") == "ab 中、")
    #expect(terms(.withoutPunctuation, text: "ab a,b 。 $5 x\u{A0}y") == "ab $5")
    #expect(terms(.lengthMax(2), text: "ab abc é éa 中") == "ab é")
    #expect(terms(.englishStemmer, text: "running dog's") == "run dog")
    #expect(
      terms(.decompounder(["dampf", "schiff", "dampfschiff"]), text: "dampfschiff dampfer schiffdampf dampf")
        == "dampfschiff dampfer schiff dampf dampf")
    // One text of NFC and one of NFD are different words.
    #expect(terms(.stop(["\u{E9}"]), text: "\u{E9} e\u{301}").unicodeScalars.count == 2)
  }

  @Test("parts of a word have its place")
  func parts() {
    let analyzer = TextAnalyzer(.standard, [.decompounder(["wasser", "fall"]), .lengthMax(4)])
    #expect(
      analyzer.tokens(in: "am wasserfall") == [
        TextToken(text: "am", position: 0, bytes: 0..<2), TextToken(text: "fall", position: 1, bytes: 3..<13),
      ])
  }

  @Test(
    "folding ends in ASCII or leaves a character as it was",
    arguments: [
      ("naïve café", "naive cafe"), ("Straße", "Strasse"), ("Łódź", "Lodz"), ("ﬁnｅ Ⅷ", "fine VIII"),
      ("Ǽon ø", "AEon o"), ("“so” – ½", "\"so\" - 1/2"), ("中文 é→", "中文 e→"), ("Ελλάς", "Ελλάς"), ("", ""),
    ])
  func folding(text: String, folded: String) {
    #expect(ASCIIFolding.fold(text) == folded)
  }
}
