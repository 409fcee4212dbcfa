import MoultCompute
package import MoultModel

extension Engine {
  /// The sparse vector of a text, indices rising.
  ///
  /// - Parameter isAsked: whether it is searched for, and not stored.
  package static func sparseVector(
    of text: String, _ weighting: TextWeighting, isAsked: Bool
  ) -> PayloadSearch.Sparse {
    let vector = isAsked ? TextWeights.asked(text, weighting) : TextWeights.stored(text, weighting)
    return PayloadSearch.Sparse(indices: vector.indices, values: vector.values)
  }

  /// The words of a text, in lower case and each once, as a search for texts takes them.
  package static func words(of text: String) -> Set<String> { Set(TextAnalyzer.standard.terms(in: text)) }
}
