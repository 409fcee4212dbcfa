import MoultCompute
package import MoultModel

extension TextToken {
  /// The number that searches know the term by, for protocols, which do not know the index.
  package var dimension: UInt32 { TermVector.dimension(of: text) }
}
