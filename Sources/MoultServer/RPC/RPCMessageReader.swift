internal import NIOCore

/// Puts together the one message of a unary call: a byte that says whether it is compressed, its length in four
/// bytes, big endian, then the message.
///
/// The length is a claim: memory grows with the bytes that came, never with what was claimed.
///
/// A class: a value that is taken out of a state to be changed is easily held twice, and its buffer, copied for every
/// frame, makes a message of a megabyte cost forty.
final class RPCMessageReader {
  static let prefixSizeBytes = 5

  private let bytesMax: Int
  private var buffer = ByteBuffer()
  /// Of the message, once its prefix is here.
  private var length: Int?

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// - Throws: `resourceExhausted` for a message that is too long, `unimplemented` for a compressed one or a second.
  func append(_ bytes: inout ByteBuffer) throws(RPCError) {
    buffer.writeBuffer(&bytes)
    if length == nil, buffer.readableBytes >= Self.prefixSizeBytes {
      guard buffer.readInteger(as: UInt8.self) == 0 else {
        throw RPCError(.unimplemented, "the message is compressed; send it as it is")
      }
      let claimed = Int(buffer.readInteger(as: UInt32.self) ?? 0)
      guard claimed <= bytesMax else {
        throw RPCError(
          .resourceExhausted, "grpc: received message larger than max (\(claimed) vs. \(bytesMax))")
      }
      length = claimed
    }
    if let length, buffer.readableBytes > length {
      throw RPCError(.unimplemented, "a second message came; this method takes one")
    }
  }

  /// The message.
  ///
  /// - Throws: `internalError` when the request ended before it was complete.
  func message() throws(RPCError) -> ByteBuffer {
    guard let length, buffer.readableBytes == length else {
      throw RPCError(
        .internalError,
        "the request ended after \(buffer.readableBytes) bytes of its message; expected \(length.map { "\($0)" } ?? "a prefix of 5")"
      )
    }
    return buffer
  }
}
