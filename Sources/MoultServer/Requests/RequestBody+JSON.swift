package import MoultModel
package import NIOCore

extension ByteBuffer {
  /// The body as JSON.
  ///
  /// - Parameter floatKeys: names of members that hold vectors.
  package func json(floatKeys: JSONFloatKeys = []) throws(JSONError) -> JSON {
    let outcome = withUnsafeReadableBytes { (bytes) -> Result<JSON, JSONError> in
      Result { () throws(JSONError) in
        try JSONReader.parse(bytes.bindMemory(to: UInt8.self), floatKeys: floatKeys)
      }
    }
    return try outcome.get()
  }

  /// The text at these offsets of the readable bytes, as `JSONObject.Member.text` gives them.
  package func text(_ range: Range<Int>) -> String {
    getString(at: readerIndex + range.lowerBound, length: range.count) ?? ""
  }
}
