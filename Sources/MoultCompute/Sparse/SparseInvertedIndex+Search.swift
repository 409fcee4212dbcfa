extension SparseInvertedIndex {
  /// The `limit` best rows, best first; of equal scores the smaller row.
  ///
  /// A row is found if it names a dimension of the query and neither value is 0. Its score is the sum over these
  /// dimensions in ascending order, in double, rounded to float: what `SparseVector.dot` says, and the same
  /// whatever is skipped.
  ///
  /// - Parameters:
  ///   - live: rows to look at, by row number.
  ///   - dropRatio: see `SparseVector.dropping(ratio:)`; 0 keeps the search exact.
  /// - Complexity: at most O(p·log n) for p postings of the query's dimensions and n rows.
  public func search(
    _ query: SparseVector, limit: Int, scoring: SparseScoring = .innerProduct, live: LiveRows = .all,
    dropRatio: Double = 0
  ) -> [Neighbor] {
    let query = query.dropping(ratio: dropRatio)
    switch scoring {
    case .innerProduct: return search(query, limit, InnerProductScore(), live)
    case .bm25(let bm25): return search(query, limit, bm25, live)
    }
  }

  private func search(
    _ query: SparseVector, _ limit: Int, _ scoring: some PostingScore, _ live: LiveRows
  ) -> [Neighbor] {
    var search = SparseSearch(self, query, limit, scoring, live)
    return search.run()
  }
}

/// One search: MaxScore (Turtle and Flood, *Query evaluation*, 1995) in windows of rows.
///
/// Dimensions are sorted by the most that they can add. Those at the lower end that together cannot lift a row
/// above the worst score that is kept are *minor*: their lists are not read through, only looked up for rows that
/// others have brought near. In each window the parts of the other dimensions are summed up in an array; this sum
/// is used for skipping only, with room for its rounding, and what may pass is summed again in the order of
/// dimensions.
private struct SparseSearch<Scoring: PostingScore> {
  /// One of the query's dimensions.
  private struct Term {
    var weight: Double
    var list: PostingList
    var bound: Double
    /// The first posting that is not before the rows looked at.
    var place = 0
    /// The first posting of this window.
    var windowPlace = 0
  }

  private let scoring: Scoring
  private let rowSums: [Float]
  private let live: LiveRows
  /// By bound, ascending.
  private var terms: [Term] = []
  /// The terms' places by dimension.
  private var byDimension: [Int] = []
  /// `boundSums[i]`: the bounds of the first `i` terms.
  private var boundSums: [Double] = [0]
  /// More than any sum of parts can be off by.
  private var slack = 0.0
  private var top: TopK

  init(
    _ index: SparseInvertedIndex, _ query: SparseVector, _ limit: Int, _ scoring: Scoring, _ live: LiveRows
  ) {
    self.scoring = scoring
    self.live = live
    rowSums = index.rowSums
    top = TopK(limit)
    var dimensions: [(term: Term, place: Int)] = []
    var magnitudes = 0.0
    for (dimension, value) in zip(query.indices, query.values) where value != 0 {
      guard let list = index.list(of: dimension) else { continue }
      let (bound, magnitude) = scoring.bounds(weight: Double(value), list)
      dimensions.append((Term(weight: Double(value), list: list, bound: bound), dimensions.count))
      magnitudes += magnitude
    }
    dimensions.sort { $0.term.bound < $1.term.bound }
    terms = dimensions.map(\.term)
    byDimension = dimensions.indices.sorted { dimensions[$0].place < dimensions[$1].place }
    for term in terms { boundSums.append(boundSums.last! + term.bound) }
    // Each of n additions, and each part and its bound with a few operations, is off by 2⁻⁵³ at most.
    slack = Double(terms.count + 16) * 0x1p-52 * magnitudes
  }

  private static var windowRows: Int { 4096 }

  mutating func run() -> [Neighbor] {
    guard top.k > 0, !terms.isEmpty else { return [] }
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.windowRows) { sums in
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.windowRows / 64) { touched in
        sums.initialize(repeating: 0)
        touched.initialize(repeating: 0)
        while let (start, minorCount) = nextWindow() {
          for term in minorCount..<terms.count { add(term, start, sums, touched) }
          for word in touched.indices where touched[word] != 0 {
            offer(start + 64 * word, touched[word], minorCount, sums.baseAddress! + 64 * word)
            touched[word] = 0
          }
        }
        return top.sorted()
      }
    }
  }

  /// Whether a row with at most this sum can be turned away: rows come in ascending order, so that one with the
  /// worst kept score does not enter.
  private func isTooLow(_ sum: Double) -> Bool {
    SparseVector.score(sum + slack) <= top.threshold && top.isFull
  }

  /// The first row of the next window in which one of the major terms has a row; nil at the end.
  private func nextWindow() -> (start: Int, minorCount: Int)? {
    var minorCount = 0
    while minorCount < terms.count, isTooLow(boundSums[minorCount + 1]) { minorCount += 1 }
    var first: UInt32?
    for term in terms[minorCount...] where term.place < term.list.rows.count {
      first = min(first ?? .max, term.list.rows[term.place])
    }
    return first.map { (Int($0) / Self.windowRows * Self.windowRows, minorCount) }
  }

  /// Adds a major term's parts to the window's sums.
  private mutating func add(
    _ number: Int, _ start: Int, _ sums: UnsafeMutableBufferPointer<Double>,
    _ touched: UnsafeMutableBufferPointer<UInt64>
  ) {
    let (weight, scoring) = (terms[number].weight, scoring)
    var place = terms[number].place
    terms[number].windowPlace = place
    terms[number].list.rows.withUnsafeBufferPointer { rows in
      terms[number].list.values.withUnsafeBufferPointer { values in
        rowSums.withUnsafeBufferPointer { rowSums in
          while place < rows.count {
            let row = Int(rows[place])
            let offset = row - start
            guard offset < Self.windowRows else { break }
            sums[offset] += scoring.part(weight: weight, value: values[place], rowSum: rowSums[row])
            touched[offset >> 6] |= 1 << UInt64(offset & 63)
            place += 1
          }
        }
      }
    }
    terms[number].place = place
  }

  /// Offers the touched ones of 64 rows, and sets their sums back to 0.
  private mutating func offer(
    _ firstRow: Int, _ touched: UInt64, _ minorCount: Int, _ sums: UnsafeMutablePointer<Double>
  ) {
    var rest = touched
    while rest != 0 {
      let bit = rest.trailingZeroBitCount
      rest &= rest - 1
      let sum = sums[bit]
      sums[bit] = 0
      guard !isTooLow(sum + boundSums[minorCount]), live.contains(firstRow + bit) else { continue }
      offer(row: UInt32(firstRow + bit), sum: sum, minorCount)
    }
  }

  /// - Parameter sum: of the major terms' parts.
  private mutating func offer(row: UInt32, sum: Double, _ minorCount: Int) {
    var sum = sum
    for number in (0..<minorCount).reversed() {
      // What the terms below can still add.
      if isTooLow(sum + boundSums[number + 1]) { return }
      terms[number].place = terms[number].list.place(of: row, from: terms[number].place)
      terms[number].windowPlace = terms[number].place
      sum += part(number, row, terms[number].place)
    }
    if isTooLow(sum) { return }
    var exact = 0.0
    for number in byDimension {
      exact += part(number, row, terms[number].list.place(of: row, from: terms[number].windowPlace))
    }
    top.offer(row: row, score: SparseVector.score(exact))
  }

  private func part(_ number: Int, _ row: UInt32, _ place: Int) -> Double {
    let list = terms[number].list
    guard place < list.rows.count, list.rows[place] == row else { return 0 }
    return scoring.part(
      weight: terms[number].weight, value: list.values[place], rowSum: rowSums[Int(row)])
  }
}
