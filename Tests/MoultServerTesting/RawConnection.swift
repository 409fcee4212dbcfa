internal import Foundation
internal import NIOCore
package import NIOHPACK

/// A TCP connection whose bytes the test chooses, and the frames of HTTP/2 that come back.
///
/// Everything blocks, so it runs on threads of its own.
package final class RawConnection: @unchecked Sendable {
  private let socket: Int32
  private static let secondsMax = 100

  package init(port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var patience = timeval(tv_sec: Self.secondsMax, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var on: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    let outcome = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard outcome == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
  }

  deinit { Glibc.close(socket) }

  /// Sends the pieces one by one and reads until the other side closes or `isEnough`.
  ///
  /// - Returns: what was read; `nil` when nothing came for a long time.
  package func exchange(
    _ pieces: [[UInt8]], pauseMilliseconds: UInt32 = 0,
    isEnough: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
  ) async -> [UInt8]? {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [self] in
        for piece in pieces {
          guard Glibc.send(socket, piece, piece.count, Int32(MSG_NOSIGNAL)) == piece.count else { break }
          usleep(pauseMilliseconds * 1000)
        }
        var read: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while !isEnough(read) {
          let count = recv(socket, &part, part.count, 0)
          if count == 0 || (count < 0 && errno == ECONNRESET) { break }
          if count < 0 { return continuation.resume(returning: nil) }
          read += part[..<count]
        }
        continuation.resume(returning: read)
      }
    }
  }
}

/// HTTP/2 as bytes.
package enum Frame {
  package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  package static let opening = preface + frame(4, 0, 0, [])

  package static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count
    return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
      + (0..<4).map { UInt8(stream >> (24 - 8 * UInt32($0)) & 255) } + payload
  }

  package static func ping(_ number: UInt8) -> [UInt8] { frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, number]) }

  package static func data(_ bytes: [UInt8], stream: UInt32, ends: Bool) -> [UInt8] {
    frame(0, ends ? 1 : 0, stream, bytes)
  }

  /// A message with its prefix.
  package static func message(_ bytes: [UInt8], claiming length: UInt32? = nil, flag: UInt8 = 0) -> [UInt8] {
    let length = length ?? UInt32(bytes.count)
    return [flag] + (0..<4).map { UInt8(length >> (24 - 8 * UInt32($0)) & 255) } + bytes
  }

  package static func headers(
    _ path: String, stream: UInt32, type: String = "application/grpc", _ more: [(String, String)] = []
  ) -> [UInt8] {
    var block: [UInt8] = []
    let all = [
      (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
      ("content-type", type), ("te", "trailers"),
    ]
    for (name, value) in all + more {
      // A literal that no table keeps, without Huffman's code.
      block += [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    return frame(1, 4, stream, block)
  }

  /// A whole call.
  package static func call(
    _ path: String, stream: UInt32 = 1, _ bytes: [UInt8] = [], headers: [(String, String)] = []
  ) -> [UInt8] {
    self.headers(path, stream: stream, headers) + data(message(bytes), stream: stream, ends: true)
  }
}

/// What the frames of a connection say.
package struct Answers {
  package var headers: [UInt32: HPACKHeaders] = [:]
  package var data: [UInt32: [UInt8]] = [:]
  package var ended: Set<UInt32> = []
  package var reset: Set<UInt32> = []
  package var pings = 0
  package var saysGoodbye = false

  package init(_ bytes: [UInt8]) throws {
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + length else { return }
      let payload = Array(rest.dropFirst(9).prefix(length))
      rest = rest.dropFirst(9 + length)
      let stream = head[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      switch head[3] {
      case 0: data[stream, default: []] += payload
      case 1:
        var buffer = ByteBuffer(bytes: payload)
        let decoded = try decoder.decodeHeaders(from: &buffer)
        headers[stream, default: HPACKHeaders()].add(contentsOf: decoded)
      case 6 where head[4] & 1 == 1: pings += 1
      case 3: reset.insert(stream)
      case 7: saysGoodbye = true
      default: break
      }
      if head[3] <= 1, head[4] & 1 == 1 { ended.insert(stream) }
    }
  }

  package func status(_ stream: UInt32 = 1) -> String? { headers[stream]?.first(name: "grpc-status") }
  package func text(_ stream: UInt32 = 1) -> String? { headers[stream]?.first(name: "grpc-message") }
}

extension RawConnection {
  /// Sends the pieces and reads until these streams have been answered.
  package func answers(_ pieces: [[UInt8]], streams: Set<UInt32> = [1]) async throws -> Answers {
    let bytes = await exchange(pieces) { (try? Answers($0).ended.isSuperset(of: streams)) ?? false }
    return try Answers(bytes ?? [])
  }
}
