package import MoultModel

/// Writes the neighbours of queries as a `.npy` of int32, as `NeighbourFile` reads them.
package enum NeighbourWriter {
  /// - Parameters:
  ///   - neighbours: row numbers of each query's neighbours, best first; all of one length, below 2³¹.
  ///   - force: replace a file that is there already.
  /// - Throws: `unsupported` for another extension than `.npy`, and what writing throws.
  package static func write(_ neighbours: [[Int64]], path: String, force: Bool = false) throws(MoultError) {
    let fileExtension = FileExtension(path)
    guard case "npy" = fileExtension else { throw fileExtension.unsupported(expected: "a .npy to write to") }
    let columnCount = neighbours.first?.count ?? 0
    precondition(columnCount > 0 && neighbours.allSatisfy { $0.count == columnCount })
    var file = try OutputFile(path: path, force: force)
    try file.write(
      NumpyHeader.encode(element: .int32, rowCount: neighbours.count, columnCount: columnCount))
    for row in neighbours.joined() {
      let value = Int32(row)
      try file.write((0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }
    try file.commit()
  }
}
