import MoultCompute

/// A seeded sample of a snapshot's live rows, without replacement.
enum RowSample {
  /// At most `count` rows, rising. All live rows when there are no more than that.
  static func rows(of snapshot: CollectionSnapshot, count: Int, random: inout SplitMix64) -> [Int64] {
    // Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): one pass, each live row equally likely.
    var remaining = snapshot.liveCount
    var wanted = min(count, remaining)
    var sample: [Int64] = []
    sample.reserveCapacity(wanted)
    for segment in snapshot.segments {
      for place in 0..<segment.count where wanted > 0 && segment.live.contains(place) {
        if random.next() % UInt64(remaining) < UInt64(wanted) {
          sample.append(segment.rows[place])
          wanted -= 1
        }
        remaining -= 1
      }
    }
    return sample
  }

  /// The full-precision vectors of a sample, `sample × dimension`, row-major.
  static func vectors(of snapshot: CollectionSnapshot, count: Int, dimension: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    let rows = rows(of: snapshot, count: count, random: &random)
    // At its final size at once: an array that grows is there twice while it moves.
    return [Float](unsafeUninitializedCapacity: rows.count * dimension) { vectors, initialized in
      for row in rows {
        guard let (segment, place) = snapshot.place(ofRow: row) else { continue }
        (vectors.baseAddress! + initialized).initialize(
          from: snapshot.segments[segment].vector(at: place), count: dimension)
        initialized += dimension
      }
    }
  }
}
