/// The rows that name one dimension, ascending, with their values.
struct PostingList: Sendable {
  private(set) var rows: [UInt32] = []
  private(set) var values: [Float] = []
  /// Of the values.
  private(set) var least = Float.infinity
  private(set) var greatest = -Float.infinity
  /// The least sum of all values of a row that is here.
  private(set) var leastRowSum = Float.infinity

  mutating func append(row: UInt32, value: Float, rowSum: Float) {
    rows.append(row)
    values.append(value)
    least = min(least, value)
    greatest = max(greatest, value)
    leastRowSum = min(leastRowSum, rowSum)
  }

  /// The first place at or after `start` whose row is not before `row`.
  ///
  /// - Complexity: O(log d), where d is how far away it is.
  func place(of row: UInt32, from start: Int) -> Int {
    rows.withUnsafeBufferPointer { rows in
      var (low, step) = (start, 1)
      while low + step < rows.count, rows[low + step] < row {
        low += step
        step *= 2
      }
      var high = min(rows.count, low + step)
      while low < high {
        let middle = (low + high) / 2
        if rows[middle] < row { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }
}
