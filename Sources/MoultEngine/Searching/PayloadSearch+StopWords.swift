import MoultCompute
package import MoultModel

extension PayloadSearch {
  /// What Milvus means by `_english_`, for protocols, which do not know the analyzer.
  package static var englishStopWords: Set<String> { StandardAnalyzer.englishStopWords }
}
