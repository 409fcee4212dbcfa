internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Gets an answer's body into memory.
struct CollectingWriter: ResponseBodyWriter {
  let append: (inout ByteBuffer) -> Void

  mutating func write(_ buffer: ByteBuffer) {
    var buffer = buffer
    append(&buffer)
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) {}
}
