public import Foundation

/// The committed sample of real embeddings: 10,000 × 384 MiniLM vectors of WordNet, 200 queries and their exact
/// neighbours by cosine; see `Examples/data/wordnet-10k/README.md`. Read without any code under test.
public enum SampleVectors {
  public static let dimension = 384
  public static let directory: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Examples/data/wordnet-10k")

  private static let allBase = halves("base.npy")
  private static let allQueries = halves("queries.npy")

  /// The first `count` documents, row-major.
  public static func base(_ count: Int = 10_000) -> [Float] { Array(allBase.prefix(count * dimension)) }

  /// The first `count` queries, row-major.
  public static func queries(_ count: Int = 200) -> [Float] { Array(allQueries.prefix(count * dimension)) }

  /// Rows of the exact neighbours among all 10,000 documents, best first, 100 a query.
  public static func truth() -> [[Int64]] {
    values("gt.npy").withUnsafeBytes { bytes in
      (0..<200).map { query in
        (0..<100).map { rank in
          Int64(bytes.loadUnaligned(fromByteOffset: 4 * (query * 100 + rank), as: Int32.self))
        }
      }
    }
  }

  private static func halves(_ name: String) -> [Float] {
    values(name).withUnsafeBytes { bytes in
      (0..<bytes.count / 2).map {
        Float(Float16(bitPattern: bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)))
      }
    }
  }

  /// What follows the header of exactly 128 bytes, little-endian.
  private static func values(_ name: String) -> Data {
    // Committed with the tests; without it nothing can be said.
    try! Data(contentsOf: directory.appendingPathComponent(name)).dropFirst(128)
  }
}
