public import Foundation

/// The committed sample of real embeddings: 10,000 × 384 MiniLM vectors of WordNet, 200 queries and their exact
/// neighbours. Read without any code under test.
public enum SampleVectors {
  public static let dimension = 384
  public static let directory: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Examples/data/wordnet-10k")

  /// The first `count` documents, row-major.
  public static func base(_ count: Int = 10_000) -> [Float] { halves("base.npy", rows: count) }

  /// The first `count` queries, row-major.
  public static func queries(_ count: Int = 200) -> [Float] { halves("queries.npy", rows: count) }

  /// Rows of the exact neighbours by cosine among all 10,000 documents, best first, 100 a query.
  public static func truth() -> [[Int64]] {
    let bytes = contents("gt.npy")
    return (0..<200).map { query in
      (0..<100).map { rank in
        bytes.withUnsafeBytes {
          Int64($0.loadUnaligned(fromByteOffset: 128 + 4 * (query * 100 + rank), as: Int32.self))
        }
      }
    }
  }

  private static func halves(_ name: String, rows: Int) -> [Float] {
    let bytes = contents(name)
    return (0..<rows * dimension).map { index in
      bytes.withUnsafeBytes {
        Float(Float16(bitPattern: $0.loadUnaligned(fromByteOffset: 128 + 2 * index, as: UInt16.self)))
      }
    }
  }

  private static func contents(_ name: String) -> Data {
    // Committed with the tests; without it nothing can be said.
    try! Data(contentsOf: directory.appendingPathComponent(name))
  }
}
