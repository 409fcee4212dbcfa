internal import Foundation
internal import MoultModel

/// One kept HTTP/1.1 connection to a server on this machine, with calls that wait: the least that a client can cost.
///
/// Belongs to one thread.
package final class BlockingConnection {
  private let descriptor: Int32
  private var received = [UInt8](repeating: 0, count: 1 << 16)

  /// - Throws: `unavailable` when nobody listens there.
  package init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var one: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw MoultError(.unavailable, "cannot connect to 127.0.0.1:\(port): \(reason)")
    }
  }

  deinit { close(descriptor) }

  /// Sends a whole request and reads its answer.
  ///
  /// - Returns: the answer's body.
  /// - Throws: `unavailable` when the connection ends, `internalError` for another status than 200.
  package func exchange(_ request: [UInt8]) throws -> ArraySlice<UInt8> {
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { send(descriptor, $0.baseAddress! + sent, $0.count - sent, 0) }
      guard count > 0 else { throw MoultError(.unavailable, "the connection ended in a request") }
      sent += count
    }
    var end = 0
    while true {
      let count = received.withUnsafeMutableBytes {
        recv(descriptor, $0.baseAddress! + end, $0.count - end, 0)
      }
      guard count > 0 else { throw MoultError(.unavailable, "the connection ended in an answer") }
      end += count
      if let body = try body(received[..<end]) { return body }
      if end == received.count { received += [UInt8](repeating: 0, count: received.count) }
    }
  }

  /// `nil` while the answer is not whole.
  ///
  /// By hand, byte by byte: strings would cost more than the server does.
  private func body(_ answer: ArraySlice<UInt8>) throws -> ArraySlice<UInt8>? {
    var headEnd: Int?
    var length: Int?
    answer.withUnsafeBufferPointer { bytes in
      var line = 0
      for place in bytes.indices where bytes[place] == UInt8(ascii: "\n") {
        if place <= line + 1 {
          headEnd = place + 1
          return
        }
        length = Self.contentLength(UnsafeBufferPointer(rebasing: bytes[line..<place])) ?? length
        line = place + 1
      }
    }
    guard let headEnd else { return nil }
    let status = Array("HTTP/1.1 200 ".utf8)
    guard answer.starts(with: status) else {
      let line = String(decoding: answer.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
      throw MoultError(.internalError, "the server answered \(line)")
    }
    guard let length else { throw MoultError(.internalError, "the server's answer has no length") }
    let start = answer.startIndex + headEnd
    return answer.endIndex - start >= length ? answer[start..<start + length] : nil
  }

  private static let lengthName = Array("content-length:".utf8)

  private static func contentLength(_ line: UnsafeBufferPointer<UInt8>) -> Int? {
    guard line.count > lengthName.count else { return nil }
    for place in lengthName.indices where line[place] | 0x20 != lengthName[place] | 0x20 { return nil }
    return line[lengthName.count...].reduce(0) { length, byte in
      (0x30...0x39).contains(byte) ? 10 * length + Int(byte - 0x30) : length
    }
  }
}
