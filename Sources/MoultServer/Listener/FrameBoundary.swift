/// Follows the bytes of an HTTP/2 client to know whether something is half said: the preface, the first frame, a frame,
/// or headers that go on in another frame.
struct FrameBoundary {
  private static let headSizeBytes = 9
  private static let headers: UInt8 = 1
  private static let pushPromise: UInt8 = 5
  private static let continuation: UInt8 = 9
  private static let endHeaders: UInt8 = 4

  private var prefaceLeft = PrefaceSniffer.preface.count
  private var head: [UInt8] = []
  private var payloadLeft = 0
  /// Until the first frame (SETTINGS) is there, and from headers to their end.
  private var expectsMore = true

  init() { head.reserveCapacity(Self.headSizeBytes) }

  /// Whether the client may be silent now.
  var isComplete: Bool { prefaceLeft == 0 && head.isEmpty && payloadLeft == 0 && !expectsMore }

  mutating func read<Bytes: RandomAccessCollection<UInt8>>(_ bytes: Bytes) where Bytes.Index == Int {
    var index = bytes.startIndex
    func left() -> Int { bytes.endIndex - index }
    while index < bytes.endIndex {
      if prefaceLeft > 0 {
        let count = min(prefaceLeft, left())
        prefaceLeft -= count
        index += count
      } else if payloadLeft > 0 {
        let count = min(payloadLeft, left())
        payloadLeft -= count
        index += count
      } else {
        let count = min(Self.headSizeBytes - head.count, left())
        head += bytes[index..<index + count]
        index += count
        if head.count == Self.headSizeBytes { beginPayload() }
      }
    }
  }

  private mutating func beginPayload() {
    payloadLeft = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
    let (type, flags) = (head[3], head[4])
    let isHeaders = [Self.headers, Self.pushPromise, Self.continuation].contains(type)
    expectsMore = isHeaders && flags & Self.endHeaders == 0
    head.removeAll(keepingCapacity: true)
  }
}
