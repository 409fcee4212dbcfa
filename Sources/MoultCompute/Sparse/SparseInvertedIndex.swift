/// Sparse vectors by dimension: for each dimension the rows that name it.
///
/// Searches are exact, also in ties. Rows are never taken out; deleted ones are left out by a search's `LiveRows`.
///
/// Memory: 8 bytes an entry, 4 a row, about 100 a dimension.
public struct SparseInvertedIndex: Sendable {
  /// Where the list of a dimension is.
  private var places: [UInt32: Int] = [:]
  private var lists: [PostingList] = []
  /// Of all values of each row: the row's length where values count terms.
  private(set) var rowSums: [Float] = []

  public init() {}

  public init(_ rows: some Sequence<SparseVector>) {
    for row in rows { append(row) }
  }

  public var rowCount: Int { rowSums.count }

  /// The next row. Entries whose value is 0 are as good as none.
  public mutating func append(_ vector: SparseVector) {
    precondition(rowSums.count < UInt32.max)
    let row = UInt32(rowSums.count)
    let sum = vector.values.reduce(0, +)
    rowSums.append(sum)
    for (index, value) in zip(vector.indices, vector.values) where value != 0 {
      let place: Int
      if let known = places[index] {
        place = known
      } else {
        place = lists.count
        places[index] = place
        lists.append(PostingList())
      }
      lists[place].append(row: row, value: value, rowSum: sum)
    }
  }

  func list(of index: UInt32) -> PostingList? { places[index].map { lists[$0] } }
}
