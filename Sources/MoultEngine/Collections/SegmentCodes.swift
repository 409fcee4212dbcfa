import MoultCompute
import MoultStorage
import Synchronization

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

  private enum Blocks {
    case notMade
    /// `nil`: codes that have no such order.
    case made(BlockCodes?)
    /// Of a generation that does not answer: a search that began before it was retired reads the file.
    case resting
  }
  private let blocks = Mutex(Blocks.notMade)

  init(_ file: SegmentFile) {
    self.file = file
  }

  /// Makes them on the first call, at about the speed of memory; other searches wait that long.
  func blocks(encoder: VectorEncoder) -> BlockCodes? {
    blocks.withLock { blocks in
      switch blocks {
      case .made(let made): return made
      case .resting: return nil
      case .notMade: break
      }
      let made = BlockCodes(encoder: encoder, codes: file.codeView)
      blocks = .made(made)
      return made
    }
  }

  /// Gives their memory back once the last search that reads them is done, until `wakeBlocks`.
  func releaseBlocks() {
    blocks.withLock { $0 = .resting }
  }

  /// Lets the next search make them.
  func wakeBlocks() {
    blocks.withLock { if case .resting = $0 { $0 = .notMade } }
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

/// A segment's graph and the file that its bytes are mapped from.
struct SegmentGraph: Sendable {
  let index: GraphIndex
  let file: SegmentFile
  let guide: SegmentGuide
}

/// Guides through the graphs of a segment: of all generations of one space, since they are right for any codes of
/// its rows.
///
/// In memory only, 64 bytes a row. Searches do without until they are made.
final class SegmentGuide: Sendable {
  private enum State {
    case notMade
    /// `nil`: too few rows, or too many dimensions.
    case made(GraphGuide?)
  }
  private let state = Mutex(State.notMade)

  var value: GraphGuide? {
    state.withLock { if case .made(let guide) = $0 { guide } else { nil } }
  }

  /// Makes the guides, unless they are there; about a third of a second for 100,000 rows.
  func make(encoder: VectorEncoder, codes: CodeView, parallel: ParallelFor) {
    guard state.withLock({ if case .notMade = $0 { true } else { false } }) else { return }
    let guide = GraphGuide(encoder: encoder, codes: codes, parallel: parallel)
    state.withLock { $0 = .made(guide) }
  }
}
