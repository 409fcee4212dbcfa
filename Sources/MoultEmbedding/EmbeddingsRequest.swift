internal import NIOCore

/// The body of a request for embeddings: `{"model", "input": […], "encoding_format": "base64"}`.
enum EmbeddingsRequest {
  /// - Parameter dimensions: asked for by name; `nil` takes what the model gives.
  static func body(model: String, texts: [String], dimensions: Int?) -> ByteBuffer {
    var body = ByteBuffer()
    body.reserveCapacity(64 + texts.reduce(0) { $0 + $1.utf8.count + 8 })
    body.writeString(#"{"model":"#)
    write(model, to: &body)
    body.writeString(#","input":["#)
    for (place, text) in texts.enumerated() {
      if place > 0 { body.writeStaticString(",") }
      write(text, to: &body)
    }
    body.writeString("]")
    if let dimensions { body.writeString(#","dimensions":\#(dimensions)"#) }
    body.writeString(#","encoding_format":"base64"}"#)
    return body
  }

  private static func write(_ text: String, to body: inout ByteBuffer) {
    var text = text
    body.writeStaticString("\"")
    text.withUTF8 { bytes in
      var first = 0
      for (place, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
        body.writeBytes(bytes[first..<place])
        first = place + 1
        switch byte {
        case 0x22: body.writeStaticString("\\\"")
        case 0x5C: body.writeStaticString("\\\\")
        case 0x0A: body.writeStaticString("\\n")
        default:
          body.writeString("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
        }
      }
      body.writeBytes(bytes[first...])
    }
    body.writeStaticString("\"")
  }
}
