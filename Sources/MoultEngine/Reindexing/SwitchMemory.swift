import MoultCompute
import MoultModel

/// What a switch holds in memory beside the codes and graphs that it makes: estimates from above, in bytes.
///
/// Phases come one after the other, so the largest counts; what they all share is added.
struct SwitchMemory: Sendable {
  /// Rows the encoder learns from at most, when the dimension does not ask for more.
  static let trainingRowsMin = 20_000
  /// Rows per dimension that the principal components want.
  static let trainingRowsPerDimension = 10
  /// With fewer a range or mean is a guess; below four a dimension directions are shrunk.
  private static let leastTrainingRows = 1_000
  private static let leastTrainingRowsPerDimension = 4
  /// Threads' scratch, the catalog's pages, reports.
  private static let shared = 12 << 20
  /// A node of a graph that is built, its links aside: locks, levels, counts, and 64 bytes of guides.
  private static let bytesPerNode = 96
  /// Buffers of a device that cannot be swapped out.
  private static let pinned = 64 << 20

  private let specification: EncodingSpecification
  private let dimension: Int
  private let rows: Int
  /// Rows of the largest segment whose index may have to be made; 0 without any.
  private let indexRows: Int
  private let queryCount: Int
  private let usesDevice: Bool

  /// - Parameter usesDevice: whether there is a device, to which graphs may go.
  init(
    _ specification: EncodingSpecification, schema: CollectionSchema, rows: Int, indexRows: Int = 0,
    queryCount: Int = 0, usesDevice: Bool = false
  ) {
    self.specification = specification
    dimension = schema.dimension
    self.rows = rows
    self.indexRows = indexRows
    self.queryCount = queryCount
    self.usesDevice = usesDevice
  }

  private var learnsDirections: Bool {
    specification.transform == .pca || specification.quantization == .segmented
  }

  /// Bytes that a row of the sample takes while it is learned from.
  private var bytesPerTrainingRow: Int {
    let isMapped =
      switch specification.quantization {
      case .int4, .qdrantInt8, .qdrantBinary, .osq1, .osq4: true
      case .int8: specification.quantile != nil
      default: false
      }
    return 4 * (dimension + (isMapped ? specification.dimensions ?? dimension : 0))
  }

  var trainingRowsWanted: Int {
    specification.isIdentity
      ? 0 : min(rows, max(Self.trainingRowsMin, Self.trainingRowsPerDimension * dimension))
  }

  private var trainingRowsNeeded: Int {
    min(
      trainingRowsWanted,
      learnsDirections
        ? max(Self.leastTrainingRows, Self.leastTrainingRowsPerDimension * dimension)
        : Self.leastTrainingRows)
  }

  /// Covariance, eigenvectors and the room that their computation asks for.
  private var directions: Int { learnsDirections ? 6 * 4 * dimension * dimension : 0 }

  private var encoding: Int { GenerationBuilder.blockRows * specification.bytesPerVectorMax(dimension) }

  private var measuring: Int {
    // Queries three times (given, truth's copy, prepared), and of each the candidates of two generations.
    queryCount * (12 * dimension + 24 * 2 * 10 * Int(specification.effectiveOversampling.rounded(.up)))
  }

  private var indexing: Int {
    switch specification.index.kind(rowCount: indexRows) {
    case .hnsw(let m, let efConstruction):
      // Links with their scores while it is built, and the file's bytes.
      let onThreads = indexRows * (2 * m * 12 + Self.bytesPerNode)
      guard usesDevice else { return onThreads }
      // What a device finds stands beside the graph that is filled with it: neighbours with their scores, and links; in
      // parts, which it may come to, neighbours once more by the rows that they name, and what puts rows into parts.
      let lists = 8 * GraphIndexBuilder.degree(m: m, efConstruction: efConstruction)
      let found = max(lists + 4 * 2 * m, 2 * lists + 16 + 76)
      return onThreads + indexRows * found + Self.pinned
    case .ivf(let wanted):
      let lists = Self.listCount(wanted, rowCount: indexRows)
      // The sample; centroids as they are, were, are compared and are written; lists of rows, and the file's bytes.
      return 4 * dimension * (min(indexRows, IVFIndexBuilder.trainedPerList * lists) + 6 * lists) + 32
        * indexRows
    case .flat, .automatic: return 0
    }
  }

  /// Lists of an inverted file of one segment, of which so many were asked for.
  static func listCount(_ wanted: Int?, rowCount: Int) -> Int {
    min(rowCount, wanted ?? IVFIndexBuilder.defaultListCount(rowCount: rowCount))
  }

  private func bytes(trainingRows: Int) -> Int {
    Self.shared
      + max(trainingRows * bytesPerTrainingRow + directions, encoding, measuring, indexing)
  }

  /// What it takes within a budget.
  func bytes(within budget: Int?) throws(MoultError) -> Int {
    bytes(trainingRows: try trainingRows(within: budget))
  }

  /// As many rows to learn from as a budget has room for.
  ///
  /// - Throws: `invalidArgument` with what is needed, when even the least does not fit.
  func trainingRows(within budget: Int?) throws(MoultError) -> Int {
    guard let budget, bytes(trainingRows: trainingRowsWanted) > budget else { return trainingRowsWanted }
    let needed = bytes(trainingRows: trainingRowsNeeded)
    guard needed <= budget else {
      throw MoultError(
        .invalidArgument,
        "a switch to \(specification.quantization.rawValue) needs \(Self.mebibytes(needed)) of memory beside its "
          + "codes, and may take \(Self.mebibytes(budget)); allow it more (--memory, memoryBytes)")
    }
    return max(trainingRowsNeeded, (budget - Self.shared - directions) / bytesPerTrainingRow)
  }

  static func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}

extension EncodingSpecification {
  /// The code and correction terms of one vector take at most this.
  ///
  /// Codes are cut into segments of 32 dimensions or eight bytes, and have up to four floats beside them.
  func bytesPerVectorMax(_ dimension: Int) -> Int {
    let kept = dimensions ?? dimension
    let padded = (kept + 31) / 32 * 32
    return Int((Double(padded) * bitsPerDimension / 8).rounded(.up)) + 24
  }
}
