internal import MoultCompute

/// Encoded rows in memory of our own, aligned to cache lines.
final class CodeStore: @unchecked Sendable {
  let rows: UnsafeMutableRawPointer
  let side: UnsafeMutableRawPointer?
  let capacity: Int
  private let encoder: VectorEncoder

  init(encoder: VectorEncoder, capacity: Int) {
    self.encoder = encoder
    self.capacity = capacity
    rows = .allocate(byteCount: max(64, capacity * encoder.rowBytes), alignment: 64)
    side =
      encoder.sideBytes == 0
      ? nil : .allocate(byteCount: max(64, capacity * encoder.sideBytes), alignment: 64)
  }

  deinit {
    rows.deallocate()
    side?.deallocate()
  }

  var bytesPerVector: Int { encoder.bytesPerVector }

  var view: CodeView {
    CodeView(
      rows: UnsafeRawPointer(rows), rowStride: encoder.rowBytes, side: side.map { UnsafeRawPointer($0) },
      sideStride: encoder.sideBytes, count: capacity)
  }

  /// Encodes all of `vectors` (`capacity` rows), `batch` rows a round of the loop, or all on its device.
  func encode(_ vectors: UnsafePointer<Float>, batch: Int, parallel: ParallelFor) {
    encoder.encode(vectors, count: capacity, rows: rows, side: side, tileRows: batch, parallel: parallel)
  }

  /// Encodes `count` rows into the places from `first` on. Any number of threads may, for other places each.
  func encode(_ vectors: UnsafePointer<Float>, at first: Int, count: Int) {
    precondition(first >= 0 && count >= 0 && first + count <= capacity)
    encoder.encode(
      vectors, count: count, rows: rows + first * encoder.rowBytes,
      side: side.map { $0 + first * encoder.sideBytes })
  }

  /// For measuring memory alone: rows of one value; only for float codes.
  func fillRows(with value: Float) {
    rows.bindMemory(to: Float.self, capacity: capacity * encoder.rowBytes / 4)
      .initialize(repeating: value, count: capacity * encoder.rowBytes / 4)
    if let side { side.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * encoder.sideBytes) }
  }

  /// Of all codes and side data.
  var checksum: String {
    var checksum = Checksum()
    checksum.add(UnsafeRawBufferPointer(start: rows, count: capacity * encoder.rowBytes))
    if let side { checksum.add(UnsafeRawBufferPointer(start: side, count: capacity * encoder.sideBytes)) }
    return checksum.text
  }
}
