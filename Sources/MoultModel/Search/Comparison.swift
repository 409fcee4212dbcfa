/// How the answers of two collections or vector fields to the same queries differ.
public struct Comparison: Sendable, Codable, Equatable {
  public struct Side: Sendable, Codable, Equatable {
    public var servedBy: ServedBy
    /// Against its own exact search.
    public var recall: MeasuredRecall
    /// Of the relevant points; `nil` where they are not known.
    public var found: MeasuredRecall?
    /// Of searches of one query, one after the other, inside the server; texts are embedded before.
    public var p50Milliseconds: Double
    public var p99Milliseconds: Double

    public init(
      servedBy: ServedBy, recall: MeasuredRecall, found: MeasuredRecall?, p50Milliseconds: Double,
      p99Milliseconds: Double
    ) {
      self.servedBy = servedBy
      self.recall = recall
      self.found = found
      self.p50Milliseconds = p50Milliseconds
      self.p99Milliseconds = p99Milliseconds
    }
  }

  /// A query that the two answer in different ways.
  public struct Difference: Sendable, Codable, Equatable {
    /// Its place among the queries, from 0.
    public var query: Int
    public var overlap: Double

    public init(query: Int, overlap: Double) {
      self.query = query
      self.overlap = overlap
    }
  }

  /// Whether B can take A's place, by what the request allowed.
  public struct Verdict: Sendable, Codable, Equatable {
    public var passed: Bool
    /// And what was asked for.
    public var measured: String

    public init(passed: Bool, measured: String) {
      self.passed = passed
      self.measured = measured
    }
  }

  public var k: Int
  public var queryCount: Int
  public var a: Side
  public var b: Side
  /// Share of A's hits that B has too.
  public var overlap: MeasuredRecall
  /// Kendall's tau over the hits in common, −1 … 1, on the average; `nil` where no query has two.
  public var rankCorrelation: Double?
  /// B's recall less A's over the same queries.
  public var recallDifference: RecallDifference
  /// B's share of relevant points less A's over the same queries.
  public var foundDifference: RecallDifference?
  /// The least alike first, ten at most.
  public var differences: [Difference]
  /// `nil` where nothing was to pass or fail.
  public var verdict: Verdict?

  public init(
    k: Int, queryCount: Int, a: Side, b: Side, overlap: MeasuredRecall, rankCorrelation: Double?,
    recallDifference: RecallDifference, foundDifference: RecallDifference?, differences: [Difference],
    verdict: Verdict? = nil
  ) {
    self.k = k
    self.queryCount = queryCount
    self.a = a
    self.b = b
    self.overlap = overlap
    self.rankCorrelation = rankCorrelation
    self.recallDifference = recallDifference
    self.foundDifference = foundDifference
    self.differences = differences
    self.verdict = verdict
  }
}
