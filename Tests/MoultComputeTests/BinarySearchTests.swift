import MoultCompute
import MoultTesting
import Testing

@Suite("search of vectors of bits")
struct BinarySearchTests {
  /// Bit by bit.
  private static func distance(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>, _ metric: BinaryMetric)
    -> Float
  {
    var (differing, both, either) = (0, 0, 0)
    for (a, b) in zip(a, b) {
      for bit in 0..<8 {
        let (a, b) = (a >> bit & 1, b >> bit & 1)
        if a != b { differing += 1 }
        both += Int(a & b)
        either += Int(a | b)
      }
    }
    switch metric {
    case .hamming: return Float(differing)
    case .jaccard: return either == 0 ? 1 : Float(either - both) / Float(either)
    }
  }

  /// Few bits make ties and empty vectors.
  private static func vectors(_ count: Int, _ bytes: Int, _ random: inout SeededGenerator) -> [UInt8] {
    (0..<count * bytes).map { _ in
      UInt8.random(in: 0...255, using: &random) & UInt8(random.next() & random.next() & 0xFF)
    }
  }

  @Test(
    "finds exactly what comparing bit by bit finds, ties included",
    arguments: BinaryMetric.allCases, [(1, 1), (1, 127), (3, 128), (8, 129), (33, 700), (96, 300)])
  func equalsOracle(metric: BinaryMetric, size: (bytes: Int, rows: Int)) {
    var random = SeededGenerator(seed: UInt64(size.bytes))
    let (bytes, count) = size
    let rows = Self.vectors(count, bytes, &random)
    let queries = Self.vectors(4, bytes, &random) + [UInt8](repeating: 0, count: bytes)
    let words = (0...count / 64).map { _ in random.next() }
    for (limit, isFiltered) in [(1, false), (10, true), (count + 1, false)] {
      let found = rows.withUnsafeBytes { rows in
        words.withUnsafeBufferPointer { words in
          BinarySearch.search(
            queries: queries, queryCount: 5,
            rows: BinaryRows(rows: rows.baseAddress!, stride: bytes, rowBytes: bytes, count: count),
            metric: metric, k: limit, live: isFiltered ? LiveRows(words: words.baseAddress) : .all)
        }
      }
      for query in 0..<5 {
        let expected = (0..<count).filter { !isFiltered || words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }.map {
          row in
          Neighbor(
            row: UInt32(row),
            score: -Self.distance(
              queries[query * bytes..<(query + 1) * bytes], rows[row * bytes..<(row + 1) * bytes], metric))
        }.sorted().prefix(limit)
        #expect(found[query] == Array(expected), "seed \(random.seed), query \(query), limit \(limit)")
      }
    }
  }

  @Test(
    "distances of named rows are those of the search, also when rows stand apart",
    arguments: BinaryMetric.allCases)
  func namedRows(metric: BinaryMetric) {
    var random = SeededGenerator(seed: 5)
    let (bytes, stride) = (20, 32)
    let memory = random.bytes(count: 300 * stride)
    let query = random.bytes(count: bytes)
    let indices = (0..<290).map { _ in UInt32.random(in: 0..<300, using: &random) }
    var distances = [Float](repeating: -1, count: indices.count)
    memory.withUnsafeBytes { memory in
      BinarySearch.distances(
        from: query, to: BinaryRows(rows: memory.baseAddress!, stride: stride, rowBytes: bytes, count: 300),
        indices: indices, count: indices.count, metric: metric, into: &distances)
    }
    for (index, distance) in zip(indices, distances) {
      let start = Int(index) * stride
      #expect(distance == Self.distance(query[...], memory[start..<start + bytes], metric))
    }
  }
}
