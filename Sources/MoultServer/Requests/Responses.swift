package import HTTPTypes
package import Hummingbird
package import MoultModel
package import NIOCore

extension HTTPField.Name {
  /// The generation that answered.
  package static let moultGeneration = HTTPField.Name("moult-generation")!
  /// The collection that answered, never an alias.
  package static let moultCollection = HTTPField.Name("moult-collection")!
}

extension Response {
  /// Of an overloaded server: clients come back after a second.
  package mutating func sayWhenToRetry() {
    if [.tooManyRequests, .serviceUnavailable].contains(status) { headers[.retryAfter] = "1" }
  }
  package static func json(
    _ json: JSONWriter, status: HTTPResponse.Status = .ok, servedBy: ServedBy? = nil
  ) -> Response {
    bytes(ByteBuffer(bytes: json.bytes), type: "application/json", status: status, servedBy: servedBy)
  }

  package static func text(_ text: String, type: String = "text/plain", status: HTTPResponse.Status = .ok)
    -> Response
  {
    bytes(ByteBuffer(string: text), type: type, status: status)
  }

  package static func bytes(
    _ bytes: ByteBuffer, type: String, status: HTTPResponse.Status = .ok, servedBy: ServedBy? = nil
  ) -> Response {
    var headers: HTTPFields = [.contentType: type]
    if let servedBy {
      headers[.moultGeneration] = String(servedBy.generation)
      headers[.moultCollection] = servedBy.collection
    }
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: bytes))
  }
}
