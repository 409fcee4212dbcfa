import Foundation
import MoultCompute
import MoultModel
import MoultStorage

/// What live rows have in one field of their payload, in the order in which it is searched. In memory, made of what the
/// database holds: it needs no recovery, and a search brings it up to date before it looks.
final class PayloadIndex: @unchecked Sendable {
  /// What of a search says which index it takes.
  enum Kind: Hashable {
    case sparse
    /// With statistics of its indices.
    case weightedSparse
    case bits(byteCount: Int)
    case text(TextAnalyzer)
  }

  private static let pageRows = 8_192

  private let field: String
  private let kind: Kind
  private let lock = ReadersWriterLock()

  // MARK: Behind the lock

  /// Rows that have a value, rising; a place in it is a row of the index.
  private var rows: [Int64] = []
  /// Rows below it have been looked at.
  private var nextRow: Int64 = 0
  /// Sparse vectors, or counts of terms.
  private var sparse = SparseInvertedIndex()
  private var bytes: [UInt8] = []
  /// Of texts.
  private var counts: [SparseVector] = []
  private var isCounted: [Bool] = []
  private var statistics = TermStatistics()
  private var countedLive = -1

  init(field: String, kind: Kind) {
    self.field = field
    self.kind = kind
  }

  /// The `count` best rows of each query, best first; of equal scores the smaller row.
  ///
  /// - Parameters:
  ///   - filtered: shows the rows that may be found, of `snapshot`.
  ///   - corpus: the rows that statistics are about; `nil` for those of all rows.
  ///   - snapshot: all rows.
  /// - Throws: errors of the database.
  func search(
    _ request: PayloadSearch, count: Int, in filtered: CollectionSnapshot, corpus: CollectionSnapshot?,
    of snapshot: CollectionSnapshot, points: PointStore, directory: DataDirectory
  ) throws -> [[GlobalNeighbor]] {
    try catchUp(with: snapshot, points: points, directory: directory)
    return try lock.reading {
      let live = liveWords(in: filtered)
      let corpus = corpus.map { liveWords(in: $0) }
      return try live.withUnsafeBufferPointer { live in
        let live = LiveRows(words: live.baseAddress)
        return try request.queries.map { query in
          try neighbors(query, request, count: count, live: live, corpus: corpus).map {
            GlobalNeighbor(row: rows[Int($0.row)], score: $0.score)
          }
        }
      }
    }
  }

  private func neighbors(
    _ query: PayloadSearch.Query, _ request: PayloadSearch, count: Int, live: LiveRows, corpus: [UInt64]?
  ) throws -> [Neighbor] {
    func weighted(_ vector: SparseVector) -> SparseVector {
      statistics(of: corpus, about: vector.indices).query(vector)
    }
    switch (query, request.scoring) {
    case (.sparse(let indices, let values), .sparse):
      return sparse.search(
        try SparseVector(indices: indices, values: values), limit: count, live: live,
        dropRatio: request.dropRatio)
    case (.sparse(let indices, let values), .weightedSparse):
      return sparse.search(
        weighted(try SparseVector(indices: indices, values: values)), limit: count, live: live,
        dropRatio: request.dropRatio)
    case (.sparseExamples(let examples, let combination), let scoring):
      let vectors = try examples.map { example in
        let vector = try SparseVector(indices: example.indices, values: example.values)
        return scoring == .weightedSparse ? weighted(vector) : vector
      }
      return SparseExamples.search(vectors, combination, rows: counts, live: live, limit: count)
    case (.text(let text), .bm25(let k1, let b, let analyzer)):
      let asked = TermVector.counts(of: analyzer.terms(in: text))
      let known = statistics(of: corpus, about: asked.indices)
      return sparse.search(
        known.query(asked), limit: count,
        scoring: .bm25(BM25(k1: k1, b: b, averageLength: known.averageLength)), live: live,
        dropRatio: request.dropRatio)
    case (.bits(let query), .hamming), (.bits(let query), .jaccard):
      guard !rows.isEmpty else { return [] }
      return bytes.withUnsafeBytes { bytes in
        BinarySearch.search(
          queries: query, queryCount: 1,
          rows: BinaryRows(
            rows: bytes.baseAddress!, stride: query.count, rowBytes: query.count, count: rows.count),
          metric: request.scoring == .hamming ? .hamming : .jaccard, k: count, live: live)[0]
      }
    default: preconditionFailure("the engine has compared queries and scoring")
    }
  }

  /// - Parameters:
  ///   - corpus: a bit for each row that counts; `nil` for all that live.
  ///   - indices: what will be asked about.
  /// - Complexity: O(entries of the corpus), or at once.
  private func statistics(of corpus: [UInt64]?, about indices: [UInt32]) -> TermStatistics {
    guard let corpus else { return statistics }
    var statistics = TermStatistics()
    let asked = Set(indices)
    for place in rows.indices where corpus[place / 64] >> UInt64(place % 64) & 1 != 0 {
      statistics.add(counts[place], only: asked)
    }
    return statistics
  }

  // MARK: Keeping up

  /// Takes in rows that came since, and takes out what has died, where that counts.
  private func catchUp(
    with snapshot: CollectionSnapshot, points: PointStore, directory: DataDirectory
  ) throws {
    let end = snapshot.endRow
    let isCurrent = lock.reading {
      nextRow > end || (nextRow == end && (!hasStatistics || countedLive == snapshot.liveCount))
    }
    if isCurrent { return }
    try lock.writing {
      let hasGrown = nextRow < end
      while nextRow < end {
        let page = try directory.read { db in
          try points.texts(ofField: field, afterRow: nextRow - 1, limit: Self.pageRows, in: db)
        }
        for (row, text) in page where row < end {
          if let text { append(text, row) }
        }
        guard let last = page.last?.row, last < end, page.count == Self.pageRows else {
          nextRow = end
          break
        }
        nextRow = last + 1
      }
      // A search that has waited knows less than is here: what it cannot see is not dead.
      guard hasGrown || (hasStatistics && nextRow == end) else { return }
      let live = liveWords(in: snapshot)
      let liveCount = live.reduce(0) { $0 + $1.nonzeroBitCount }
      if rows.count > 1_024, rows.count > 2 * liveCount { keep(live) }
      if hasStatistics { recount(liveWords(in: snapshot), of: snapshot) }
    }
  }

  private var hasStatistics: Bool {
    switch kind {
    case .text, .weightedSparse: true
    case .sparse, .bits: false
    }
  }

  /// What is not a value of the kind is none.
  private func append(_ text: String, _ row: Int64) {
    switch kind {
    case .text(let analyzer):
      let terms = TermVector.counts(of: analyzer.terms(in: text))
      sparse.append(terms)
      counts.append(terms)
      isCounted.append(false)
    case .sparse, .weightedSparse:
      guard let data = Data(base64Encoded: text),
        let vector = data.withUnsafeBytes({ try? SparseVector(bytes: $0) })
      else { return }
      sparse.append(vector)
      counts.append(vector)
      isCounted.append(false)
    case .bits(let byteCount):
      guard let data = Data(base64Encoded: text), data.count == byteCount else { return }
      bytes += data
    }
    rows.append(row)
  }

  /// Makes it anew of the live rows alone.
  private func keep(_ live: [UInt64]) {
    let places = rows.indices.filter { live[$0 / 64] >> UInt64($0 % 64) & 1 != 0 }
    switch kind {
    case .bits(let byteCount):
      bytes = places.flatMap { bytes[$0 * byteCount..<($0 + 1) * byteCount] }
    case .sparse, .weightedSparse, .text:
      counts = places.map { counts[$0] }
      sparse = SparseInvertedIndex(counts)
    }
    rows = places.map { rows[$0] }
    isCounted = [Bool](repeating: false, count: hasStatistics ? rows.count : 0)
    statistics = TermStatistics()
  }

  /// Lets the statistics be those of the live rows.
  private func recount(_ live: [UInt64], of snapshot: CollectionSnapshot) {
    for place in rows.indices {
      let isLive = live[place / 64] >> UInt64(place % 64) & 1 != 0
      guard isLive != isCounted[place] else { continue }
      if isLive { statistics.add(counts[place]) } else { statistics.remove(counts[place]) }
      isCounted[place] = isLive
    }
    countedLive = snapshot.liveCount
  }

  /// A bit for each row of the index that `snapshot` shows.
  ///
  /// - Complexity: O(rows).
  private func liveWords(in snapshot: CollectionSnapshot) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: (rows.count + 63) / 64 + 1)
    var index = 0
    let segments = snapshot.segments
    for (place, row) in rows.enumerated() {
      while index < segments.count, segments[index].rows.end(count: segments[index].count) <= row {
        index += 1
      }
      guard index < segments.count else { break }
      if let own = segments[index].place(of: row), segments[index].live.contains(own) {
        words[place / 64] |= 1 << UInt64(place % 64)
      }
    }
    return words
  }
}

/// The indexes of a collection's payload fields that were searched.
final class PayloadIndexes: @unchecked Sendable {
  /// Fields that have one at most; another one takes the place of the one that was not used for the longest.
  private static let countMax = 16

  private struct Key: Hashable {
    var field: String
    var kind: PayloadIndex.Kind
  }

  private let lock = NSLock()
  private var indexes: [Key: (index: PayloadIndex, lastUse: Int)] = [:]
  private var uses = 0

  func index(of field: String, _ kind: PayloadIndex.Kind) -> PayloadIndex {
    lock.withLock {
      uses += 1
      let key = Key(field: field, kind: kind)
      let index = indexes[key]?.index ?? PayloadIndex(field: field, kind: kind)
      indexes[key] = (index, uses)
      if indexes.count > Self.countMax, let oldest = indexes.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        indexes[oldest.key] = nil
      }
      return index
    }
  }

  /// Called after this field of stored rows has changed.
  func forget(field: String) {
    lock.withLock { indexes = indexes.filter { $0.key.field != field } }
  }
}
