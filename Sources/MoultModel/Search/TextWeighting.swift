/// How texts become sparse vectors: BM25 (Robertson and Zaragoza, *The Probabilistic Relevance Framework*, 2009) without
/// the weights of words, which a search brings in (`PayloadSearch.Scoring.weightedSparse`).
public struct TextWeighting: Sendable, Equatable {
  /// How soon more of the same word counts no more, at least 0.
  public var k = 1.2
  /// How much long texts count less, 0 … 1.
  public var b = 0.75
  /// Words of a text on average, above 0. It is not measured: vectors that are stored would change with it.
  public var averageLength = 256.0
  /// In lower case; left out before words are stemmed.
  public var stopWords = TextWeighting.englishStopWords
  /// Whether words are brought to their English stems.
  public var stems = true
  /// Characters of a stem; words with others are left out.
  public var lengthMin = 1
  public var lengthMax = Int.max

  public init() {}

  /// The English list of NLTK, without the words that hold an apostrophe: no word here does.
  public static let englishStopWords: Set<String> = Set(
    """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
    its itself they them their theirs themselves what which who whom this that these those am is are was were be been
    being have has had having do does did doing a an the and but if or because as until while of at by for with about
    against between into through during before after above below to from up down in out on off over under again further
    then once here there when where why how all any both each few more most other some such no nor not only own same so
    than too very s t can will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn haven isn ma
    mightn mustn needn shan shouldn wasn weren won wouldn
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
