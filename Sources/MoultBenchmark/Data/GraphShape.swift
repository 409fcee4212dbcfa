internal import MoultModel

/// How a graph is built.
package struct GraphShape: Sendable {
  /// Neighbours of a node on the upper levels, twice as many on level 0; 2 … 512.
  package var m: Int
  /// Candidates that are considered for a node's links.
  package var efConstruction: Int

  package init(m: Int = 16, efConstruction: Int = 128) {
    self.m = m
    self.efConstruction = efConstruction
  }

  var specification: IndexSpecification { .hnsw(m: m, efConstruction: efConstruction) }
}
