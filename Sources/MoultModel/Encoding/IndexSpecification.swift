/// How candidates are found.
public enum IndexSpecification: Sendable, Codable, Equatable {
  /// Every code is scored.
  case flat
  /// Hierarchical navigable small world graph. `m` neighbours a node on upper levels (2·m on level 0),
  /// `efConstruction` candidates while building.
  case hnsw(m: Int, efConstruction: Int)
  /// Inverted file: the rows of a segment in so many lists by their nearest centroid; `nil` takes 4·√rows.
  case ivf(lists: Int?)
  /// By the size of each sealed segment: small ones are scanned, from `automaticGraphRows` rows on they get a graph.
  case automatic

  // Stored in the catalog and spoken on the wire.
  private enum CodingKeys: String, CodingKey {
    case flat, hnsw, ivf
    case automatic = "auto"
  }

  public static let defaultHNSW = IndexSpecification.hnsw(m: 16, efConstruction: 128)
  public static let defaultIVF = IndexSpecification.ivf(lists: nil)

  public static let listsRange = 1...65_536
  /// Rows from which `automatic` takes a graph. It never takes an inverted file: that is smaller and built sooner, but
  /// at equal recall a graph answers several times as fast at every size measured.
  public static let automaticGraphRows = 10_000

  /// The index of a sealed segment of so many rows; never `automatic`.
  public func kind(rowCount: Int) -> IndexSpecification {
    guard self == .automatic else { return self }
    return rowCount < Self.automaticGraphRows ? .flat : .defaultHNSW
  }

  public var name: String {
    switch self {
    case .flat: "flat"
    case .hnsw: "hnsw"
    case .ivf: "ivf"
    case .automatic: "auto"
    }
  }
}
