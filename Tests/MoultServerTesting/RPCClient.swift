internal import NIOCore
internal import NIOHPACK

/// Calls one after the other over one connection of HTTP/2.
package final class RPCClient {
  package enum Failure: Error {
    case status(String, String)
    case closed
  }

  private let connection: RawConnection
  private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
  private var stream: UInt32 = 1
  private var unsent = Frame.opening
  private var unread: [UInt8] = []

  package init(port: Int) throws {
    connection = try RawConnection(port: port)
    // The widest window for answers, so that it never has to be widened.
    unsent += Frame.frame(8, 0, 0, [0x7F, 0xFF, 0, 0])
  }

  /// - Returns: the answer's message.
  /// - Throws: ``Failure``.
  package func call(_ path: String, _ message: [UInt8]) async throws -> [UInt8] {
    let own = stream
    stream += 2
    let request = unsent + Frame.call(path, stream: own, message)
    unsent = []
    let before = unread
    let bytes = await connection.exchange([request]) { Self.hasEnded(own, in: before + $0) }
    unread += bytes ?? []
    return try answer(of: own)
  }

  private static func frames(
    _ bytes: [UInt8], _ body: (_ head: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) throws -> Void
  )
    rethrows -> Int
  {
    var index = 0
    while bytes.count - index >= 9 {
      let length = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
      guard bytes.count - index >= 9 + length else { break }
      try body(bytes[index..<index + 9], bytes[index + 9..<index + 9 + length])
      index += 9 + length
    }
    return index
  }

  private static func stream(_ head: ArraySlice<UInt8>) -> UInt32 {
    head.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
  }

  private static func hasEnded(_ own: UInt32, in bytes: [UInt8]) -> Bool {
    var ended = false
    _ = frames(bytes) { head, _ in
      let (type, flags) = (head[head.startIndex + 3], head[head.startIndex + 4])
      if stream(head) == own, type == 3 || (type <= 1 && flags & 1 == 1) { ended = true }
    }
    return ended
  }

  /// Takes the frames that have come, all of them: the table of headers is the connection's.
  private func answer(of own: UInt32) throws -> [UInt8] {
    var message: [UInt8] = []
    var status: (code: String, text: String)?
    let count = try Self.frames(unread) { head, payload in
      let (type, flags) = (head[head.startIndex + 3], head[head.startIndex + 4])
      switch type {
      case 0 where Self.stream(head) == own: message += payload
      case 1:
        var buffer = ByteBuffer(bytes: payload)
        let headers = try decoder.decodeHeaders(from: &buffer)
        if Self.stream(head) == own, let code = headers.first(name: "grpc-status") {
          status = (code, headers.first(name: "grpc-message") ?? "")
        }
      case 6 where flags & 1 == 0: unsent += Frame.frame(6, 1, 0, Array(payload))
      default: break
      }
    }
    unread.removeFirst(count)
    guard let status else { throw Failure.closed }
    guard status.code == "0" else { throw Failure.status(status.code, status.text) }
    return Array(message.dropFirst(5))
  }
}
