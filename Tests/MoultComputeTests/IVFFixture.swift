import Foundation
import MoultModel
import Testing

@testable import MoultCompute

/// An inverted file and its bytes.
final class IVFFile: Sendable {
  let index: IVFIndex
  /// Scores row by row.
  var vectorIndex: IVFVectorIndex { IVFVectorIndex(index) }
  private let memory: IndexMemory

  init(_ bytes: [UInt8]) throws {
    memory = IndexMemory(bytes)
    index = try IVFIndex(bytes: memory.bytes)
  }
}

extension IVFIndex {
  /// The list of each row.
  func listOfRows() -> [UInt32] {
    var result = [UInt32](repeating: 0, count: rowCount)
    for list in 0..<listCount {
      for row in lists.members(of: list) { result[Int(row)] = UInt32(list) }
    }
    return result
  }

  /// - Parameter queries: `queryCount × dimension`.
  func search(
    queries: UnsafePointer<Float>, queryCount: Int, codes: IVFCodes, live: LiveRows = .all, k: Int,
    probes: Int, tailDeviations: Float = FlatIndex.tailDeviations
  ) -> [[Neighbor]] {
    search(
      IndexQueries(queries, count: queryCount, encoder: codes.encoder), listed: codes, live: live, k: k,
      probes: probes, tailDeviations: tailDeviations)
  }
}

extension GraphFixture {
  /// Lists of the fixture's vectors; its codes may be any.
  func listBytes(
    listCount: Int? = nil, seed: UInt64 = 1, parallel: ParallelFor = .serial,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [UInt8] {
    try vectors.withUnsafeBytes { bytes in
      // An empty array has no address.
      try withUnsafeTemporaryAllocation(byteCount: 4, alignment: 4) { none in
        try IVFIndexBuilder.build(
          vectors: CodeView(
            rows: bytes.baseAddress ?? UnsafeRawPointer(none.baseAddress!), rowStride: 4 * dimension,
            side: nil, sideStride: 0, count: count),
          dimension: dimension, metric: encoder.metric, listCount: listCount, seed: seed, parallel: parallel,
          isCancelled: isCancelled, progress: progress)
      }
    }
  }

  func lists(
    listCount: Int? = nil, seed: UInt64 = 1, parallel: ParallelFor = .serial
  ) throws -> IVFFile {
    try IVFFile(listBytes(listCount: listCount, seed: seed, parallel: parallel))
  }

  func search(
    _ index: any VectorIndex, _ query: [Float], k: Int = 10, breadth: Int, live: LiveRows = .all
  ) -> [Neighbor] {
    query.withUnsafeBufferPointer {
      index.search(
        IndexQueries($0.baseAddress!, count: 1, encoder: encoder), codes: codes, live: live, k: k,
        breadth: breadth)[0]
    }
  }
}

/// A bit a row, alive as long as the object.
final class RowBitmap: @unchecked Sendable {
  let live: LiveRows
  let count: Int
  private let words: UnsafeMutablePointer<UInt64>

  init(count: Int, where isLive: (Int) -> Bool) {
    self.count = (0..<count).count(where: isLive)
    let wordCount = max(1, (count + 63) / 64)
    words = .allocate(capacity: wordCount)
    words.initialize(repeating: 0, count: wordCount)
    for row in 0..<count where isLive(row) { words[row >> 6] |= 1 << UInt64(row & 63) }
    live = LiveRows(words: words)
  }

  deinit {
    words.deallocate()
  }
}
