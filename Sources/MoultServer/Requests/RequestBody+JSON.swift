package import MoultModel
package import NIOCore

extension ByteBuffer {
  /// The body as JSON.
  ///
  /// - Parameters:
  ///   - floatKeys: names of members that hold vectors.
  ///   - keepsLarge: whether integers from 2⁶³ to 2⁶⁴ − 1 become ``JSON/large(_:)``.
  package func json(floatKeys: JSONFloatKeys = [], keepsLarge: Bool = false) throws(JSONError) -> JSON {
    let outcome = withUnsafeReadableBytes { (bytes) -> Result<JSON, JSONError> in
      Result { () throws(JSONError) in
        try JSONReader.parse(
          bytes.bindMemory(to: UInt8.self), floatKeys: floatKeys, keepsLarge: keepsLarge)
      }
    }
    return try outcome.get()
  }

  /// The text at these offsets of the readable bytes, as `JSONObject.Member.text` gives them.
  package func text(_ range: Range<Int>) -> String {
    getString(at: readerIndex + range.lowerBound, length: range.count) ?? ""
  }
}
