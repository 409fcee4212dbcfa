import Synchronization

/// The queries of a collection's latest searches, to measure a new generation with what is really asked.
///
/// In memory only: a data directory holds no queries of its users, and a restart forgets them. A search that
/// finds another one at the ring passes by, so that no search waits for it.
final class RecentQueries: Sendable {
  private struct Ring {
    /// `count × dimension`, row-major; allocated as it fills.
    var values: [Float] = []
    var count = 0
    /// Where the next query goes once the ring is full.
    var next = 0
  }

  /// Queries that are kept at most.
  static let countMax = 1_024
  /// Bytes that are kept at most, whatever the dimension.
  private static let bytesMax = 8 << 20
  /// Queries taken of one request at most: a batch must not push out everything else.
  private static let perRequestMax = 16

  let dimension: Int
  private let capacity: Int
  private let ring = Mutex(Ring())

  init(dimension: Int) {
    self.dimension = dimension
    capacity = max(1, min(Self.countMax, Self.bytesMax / (dimension * MemoryLayout<Float>.stride)))
  }

  /// Remembers a request's queries, or evenly spaced ones of many.
  ///
  /// - Parameter queries: `count × dimension`, row-major.
  func record(_ queries: UnsafePointer<Float>, count: Int) {
    let taken = min(count, Self.perRequestMax)
    _ = ring.withLockIfAvailable { ring in
      for index in 0..<taken {
        let query = UnsafeBufferPointer(start: queries + index * count / taken * dimension, count: dimension)
        if ring.count < capacity {
          ring.values.append(contentsOf: query)
          ring.count += 1
        } else {
          let start = ring.next * dimension
          ring.values.replaceSubrange(start..<start + dimension, with: query)
          ring.next = (ring.next + 1) % capacity
        }
      }
    }
  }

  /// What is remembered, `count × dimension`, oldest first; each query once, where it was asked first.
  func distinct() -> [Float] {
    // What stands behind `next` was there before what stands in front of it.
    let values = ring.withLock { $0.values[($0.next * dimension)...] + $0.values[..<($0.next * dimension)] }
    var seen = Set<ArraySlice<Float>>()
    var distinct: [Float] = []
    for start in stride(from: values.startIndex, to: values.endIndex, by: dimension) {
      let query = values[start..<start + dimension]
      if seen.insert(query).inserted { distinct.append(contentsOf: query) }
    }
    return distinct
  }
}
