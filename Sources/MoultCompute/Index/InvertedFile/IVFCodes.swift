internal import MoultModel

/// Codes in the order of lists, each list in blocks of 16 rows as scans read them. Made from rows in one pass;
/// about as large as they are: a list's last block is filled up.
///
/// Derived from lists and codes, so it is not stored: a switch of the codes keeps the lists and makes this anew. The bytes of the
/// index must stay mapped while this lives.
public final class IVFCodes: Sendable {
  let encoder: VectorEncoder
  let partition: IVFPartition
  /// `nil` for empty lists.
  let lists: [BlockCodes?]
  /// Largest Euclidean length of a row's levels, over all lists.
  let levelNormMax: Float

  /// - Parameters:
  ///   - codes: written by `encoder`, one for each row of `index`.
  /// - Returns: `nil` for codes that are not made of integer levels (floats, OSQ): those are searched row by row.
  /// - Complexity: one pass over the codes, at random; a copy of one list a running body beside the result.
  public convenience init?(
    index: IVFIndex, encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor = .serial
  ) {
    precondition(
      codes.count == index.rowCount, "\(codes.count) codes do not belong to \(index.rowCount) rows")
    self.init(index.lists, encoder: encoder, codes: codes, parallel: parallel)
  }

  init?(_ partition: IVFPartition, encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor) {
    guard encoder.quantizer is any LevelCoded else { return nil }
    let found = ResultSlots<BlockCodes?>(repeating: nil, count: partition.count)
    parallel.run(partition.count) { list in
      let members = partition.members(of: list)
      guard !members.isEmpty else { return }
      found[list] = IVFCodes.withCopy(of: members, encoder: encoder, codes: codes) {
        BlockCodes(encoder: encoder, codes: $0, sketchedFrom: .max)
      }
    }
    lists = found.values
    levelNormMax = lists.reduce(0) { max($0, $1?.levelNormMax ?? 0) }
    self.encoder = encoder
    self.partition = partition
  }

  public var bytesPerVector: Int { lists.lazy.compactMap { $0?.bytesPerVector }.first ?? 0 }

  /// Calls `body` with the codes of `rows` one after the other.
  private static func withCopy<T>(
    of rows: UnsafeBufferPointer<UInt32>, encoder: VectorEncoder, codes: CodeView, _ body: (CodeView) -> T
  ) -> T {
    let (rowBytes, sideBytes) = (encoder.rowBytes, encoder.sideBytes)
    let sideOffset = (rows.count * rowBytes + 63) / 64 * 64
    let copy = UnsafeMutableRawPointer.allocate(
      byteCount: max(64, sideOffset + rows.count * sideBytes), alignment: 64)
    defer { copy.deallocate() }
    for (i, row) in rows.enumerated() {
      (copy + i * rowBytes).copyMemory(from: codes.rows + Int(row) * codes.rowStride, byteCount: rowBytes)
      guard sideBytes > 0, let side = codes.side else { continue }
      (copy + sideOffset + i * sideBytes).copyMemory(
        from: side + Int(row) * codes.sideStride, byteCount: sideBytes)
    }
    return body(
      CodeView(
        rows: copy, rowStride: rowBytes, side: sideBytes > 0 ? UnsafeRawPointer(copy + sideOffset) : nil,
        sideStride: sideBytes, count: rows.count))
  }
}
