import MoultCompute
import MoultStorage

/// The codes of one segment in one generation, wherever they are held.
enum SegmentCodes: Sendable {
  /// The generation's codes are the full-precision vectors themselves.
  case vectors
  /// Rows of the growing segment, in memory; encoded anew when the data directory is opened.
  case buffer(CodeBuffer)
  /// A sealed segment, mapped.
  case file(CodeFile)

  /// Whether the codes survive the process.
  var isDurable: Bool {
    if case .buffer = self { false } else { true }
  }
}

/// Codes of a sealed segment: its mapped file, and from the first flat search on the same codes in memory in
/// the order in which scans read them.
final class CodeFile: Sendable {
  let file: SegmentFile
  /// Of codes that have such an order.
  let blocks = RestingCopy<BlockCodes>()

  init(_ file: SegmentFile) {
    self.file = file
  }

  /// Makes them on the first call, at about the speed of memory.
  func blocks(encoder: VectorEncoder) -> BlockCodes? {
    blocks.value { BlockCodes(encoder: encoder, codes: file.codeView) }
  }
}

/// Codes of a growing segment: memory for the segment's whole capacity, of which the system provides only
/// the pages that were written. Rows below the snapshot's count never change; the writer fills those above.
final class CodeBuffer: @unchecked Sendable {
  let rows: UnsafeMutableRawPointer
  let side: UnsafeMutableRawPointer?
  let rowStride: Int
  let sideStride: Int
  /// Rows that a builder has encoded so far; only it looks at this, and the writer not at all.
  var encodedCount = 0

  init(encoder: VectorEncoder, capacity: Int) {
    rowStride = encoder.rowBytes
    sideStride = encoder.sideBytes
    rows = .allocate(byteCount: max(capacity * rowStride, 64), alignment: 64)
    side = sideStride == 0 ? nil : .allocate(byteCount: max(capacity * sideStride, 64), alignment: 64)
  }

  deinit {
    rows.deallocate()
    side?.deallocate()
  }

  func view(count: Int) -> CodeView {
    CodeView(
      rows: UnsafeRawPointer(rows), rowStride: rowStride, side: side.map { UnsafeRawPointer($0) },
      sideStride: sideStride, count: count)
  }
}
