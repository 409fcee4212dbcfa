import Foundation

/// The committed sample: 10,000 MiniLM embeddings (384 dimensions), 200 queries and their exact
/// neighbours by cosine; see `Examples/data/wordnet-10k/README.md`.
struct WordNetSample {
  static let shared = WordNetSample()

  let dimension = 384
  let base: [Float]
  let queries: [Float]
  /// The 100 true neighbours of each query, nearest first.
  let truth: [[Int64]]

  private init() {
    base = WordNetSample.halves("base")
    queries = WordNetSample.halves("queries")
    truth = WordNetSample.values("gt") { Int64(Int32(bitPattern: $0)) }.chunks(of: 100)
  }

  private static func bytes(_ name: String) -> Data {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appending(path: "Examples/data/wordnet-10k/\(name).npy")
    // A header of exactly 128 bytes, then the values, little-endian.
    return try! Data(contentsOf: file).dropFirst(128)
  }

  private static func values<T>(_ name: String, _ map: (UInt32) -> T) -> [T] {
    bytes(name).withUnsafeBytes { raw in
      (0..<raw.count / 4).map { map(raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
    }
  }

  private static func halves(_ name: String) -> [Float] {
    bytes(name).withUnsafeBytes { raw in
      (0..<raw.count / 2).map { float(raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) }
    }
  }

  /// binary16 to binary32, for finite numbers.
  private static func float(_ half: UInt16) -> Float {
    let sign: Float = half >> 15 == 1 ? -1 : 1
    let exponent = UInt32(half >> 10 & 31)
    let fraction = UInt32(half & 1023)
    if exponent == 0 { return sign * Float(fraction) * 0x1p-24 }
    return sign * Float(bitPattern: (exponent + 112) << 23 | fraction << 13)
  }
}

extension Array {
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min(count, $0 + size)]) }
  }
}
